package compiler

import (
	"net/netip"
	"slices"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/policy/cond"
	"github.com/stead-project/stead/policy/landlock"
)

// A netArea is what `network:` says where Landlock cannot say it (addresses, names, UNIX sockets, UDP): the supervisor judges every
// address that a socket is to be bound, connected or sent to, and performs the call.
type netArea struct {
	connect, listen []endpoint
	eacces, allowed policy.Decision
}

// An endpoint is one entry, with names looked up.
type endpoint struct {
	prefixes []netip.Prefix // none: any address
	from, to uint16         // 0, 0: any port
	paths    []string       // of a UNIX socket
	abstract string
	local    bool // paths or abstract
}

// addressCalls are the calls that take addresses; bindCalls those whose address is the socket's own.
const (
	addressCalls = "connect,bind,sendto,sendmsg,sendmmsg"
	bindCalls    = "bind"
)

// judgedNet says whether an entry wants the supervisor to judge addresses, and it can. For what Landlock lacks of ports alone (UDP), calls that
// cost nothing are refused instead: see substitute.
func (c *compilation) judgedNet() bool {
	calls := selectCalls(addressCalls)
	if c.doc.Network == nil || calls.Minus(c.o.Performable).Len() > 0 {
		return false
	}
	return c.o.Handed || slices.ContainsFunc(c.prog.Landlock.Rest, func(r landlock.Rest) bool { return r.Area == landlock.Network && r.Entry != "" })
}

func (c *compilation) newNetArea() *netArea {
	n := c.doc.Network
	return &netArea{connect: c.endpoints(n.Connect), listen: c.endpoints(n.Listen),
		eacces:  c.decisionOf(policy.Action{Verdict: policy.Deny, Errno: eacces}, "network", c.doc.Network.Pos),
		allowed: c.decisionOf(policy.Action{Verdict: policy.Perform}, "network", c.doc.Network.Pos)}
}

func (c *compilation) endpoints(list []policy.Endpoint) (out []endpoint) {
	for i := range list {
		e := &list[i]
		end := endpoint{from: e.From, to: max(e.From, e.To), abstract: e.Abstract, local: e.Unix != "" || e.Abstract != ""}
		switch {
		case e.Unix != "":
			end.paths = c.resolved(e.Unix)
		case e.Host != "":
			end.prefixes = c.lookup(e)
		case e.Prefix != "":
			p, err := netip.ParsePrefix(e.Prefix)
			if err != nil {
				c.fail(err)
				continue
			}
			end.prefixes = []netip.Prefix{p}
		}
		out = append(out, end)
	}
	return out
}

// lookup finds a name's addresses, once: what the name means later is not asked, since whoever answers could open anything then.
func (c *compilation) lookup(e *policy.Endpoint) (list []netip.Prefix) {
	if c.o.Lookup == nil {
		c.fail(&hostError{pos: e.Pos, host: e.Host, why: "host names cannot be looked up here"})
		return nil
	}
	addrs, err := c.o.Lookup(e.Host)
	if err != nil {
		c.fail(&hostError{pos: e.Pos, host: e.Host, why: err.Error()})
		return nil
	}
	for _, a := range addrs {
		a = a.Unmap()
		list = append(list, netip.PrefixFrom(a, a.BitLen()))
	}
	if len(list) == 0 {
		c.fail(&hostError{pos: e.Pos, host: e.Host, why: "it has no address"})
	}
	return list
}

// A hostError says that a name in network: has no address that could be allowed.
type hostError struct {
	pos       policy.Pos
	host, why string
}

// Error says what to do.
func (e *hostError) Error() string {
	return e.pos.String() + ": host " + e.host + ": " + e.why + ": write its address, or make the name known before the policy is loaded"
}

// decide judges a call.
func (a *netArea) decide(ctx *cond.Context) (policy.Decision, error) {
	c := ctx.Call
	list := a.connect
	if c.Name == bindCalls {
		list = a.listen
	}
	for i := range c.Args {
		v := &c.Args[i]
		if v.Param != nil && !a.judge(ctx, i, v, list) {
			return a.eacces, nil
		}
	}
	return a.allowed, nil
}

// judge looks at every address in an argument. One that could not be read makes the call fail.
func (a *netArea) judge(ctx *cond.Context, arg int, v *arch.Value, list []endpoint) bool {
	if v.Param != nil && v.Param.Kind == arch.KindSockaddr {
		return v.Addr == nil || slices.ContainsFunc(list, func(e endpoint) bool { return e.matches(ctx, arg, v.Addr) }) || free(v.Addr)
	}
	for i := range v.List {
		if !a.judge(ctx, arg, &v.List[i], list) {
			return false
		}
	}
	return true
}

// free are addresses that reach nobody: AF_UNSPEC dissolves a connection, and a UNIX socket without a name gets one of the kernel's.
// Other families than the internet's and UNIX are a matter of socket(2), which the guards are about.
func free(s *arch.Sockaddr) bool {
	const afUnix, afInet, afInet6 = 1, 2, 10 // include/linux/socket.h
	switch s.Family {
	case afUnix:
		return s.Known && len(s.Path) == 0
	case afInet, afInet6:
		return false
	}
	return true
}

func (e *endpoint) matches(ctx *cond.Context, arg int, s *arch.Sockaddr) bool {
	if e.local {
		return e.matchesLocal(ctx, arg, s)
	}
	ap, ok := s.AddrPort()
	if !ok || e.to != 0 && (ap.Port() < e.from || ap.Port() > e.to) {
		return false
	}
	addr := ap.Addr().Unmap()
	return len(e.prefixes) == 0 || slices.ContainsFunc(e.prefixes, func(p netip.Prefix) bool { return p.Contains(addr) })
}

func (e *endpoint) matchesLocal(ctx *cond.Context, arg int, s *arch.Sockaddr) bool {
	switch {
	case len(s.Path) == 0:
		return false
	case s.Abstract:
		return e.abstract != "" && string(s.Path) == e.abstract
	case len(e.paths) == 0:
		return false
	}
	at, err := ctx.PathOf(arg)
	return err == nil && slices.Contains(e.paths, string(at))
}
