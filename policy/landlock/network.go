package landlock

import (
	"fmt"
	"path"

	"github.com/stead-project/stead/internal/landlockabi"
	"github.com/stead-project/stead/policy"
)

// First ABIs with a word for these.
const (
	abiScopes = 6
	abiUnix   = 9
	abiUDP    = 10
)

// A side is one list of network:.
type side struct {
	form     string
	list     []policy.Endpoint
	tcp, udp landlockabi.Net
	connect  bool
}

func (b *builder) network() {
	n := b.doc.Network
	if n == nil {
		return
	}
	b.side(side{"network: connect", n.Connect, landlockabi.ConnectTCP, landlockabi.ConnectSendUDP, true})
	b.side(side{"network: listen", n.Listen, landlockabi.BindTCP, landlockabi.BindUDP, false})
	b.selfBinding()
	b.unixSockets()
}

func (b *builder) side(s side) {
	rights := s.tcp
	if b.abi >= abiUDP {
		rights |= s.udp
	}
	var every bool
	var ports []landlockabi.Ports
	for i := range s.list {
		e := &s.list[i]
		if why, kernel := b.elsewhere(s, e); why != "" {
			b.rest(Rest{Pos: e.Pos, Area: Network, Form: s.form, Entry: entry(e), Reason: why, Kernel: kernel})
			continue
		}
		if e.Unix != "" {
			continue // unixSockets
		}
		every = every || e.From == 0 && e.To == 0
		ports = append(ports, landlockabi.Ports{From: e.From, To: max(e.From, e.To), Allow: rights, Origin: e.Pos.String()})
	}
	if every {
		return // the rights stay unhandled
	}
	b.r.Ruleset.HandledNet |= rights
	b.r.Ruleset.Ports = append(b.r.Ruleset.Ports, ports...)
	if b.abi < abiUDP && b.lists(isIP) {
		b.rest(Rest{Pos: b.doc.Network.Pos, Area: Network, Form: s.form, Open: true, Kernel: landlockabi.Kernel(abiUDP),
			Reason: "Landlock ABI " + fmt.Sprint(b.abi) + " restricts no UDP port"})
	}
}

// lists reports whether the document names an endpoint of a kind. Where it names none, no socket of that kind is needed at all,
// and the filter closes it: see [Result.Gaps].
func (b *builder) lists(kind func(*policy.Endpoint) bool) bool {
	n := b.doc.Network
	for _, list := range [][]policy.Endpoint{n.Connect, n.Listen} {
		for i := range list {
			if kind(&list[i]) {
				return true
			}
		}
	}
	return false
}

func isUnix(e *policy.Endpoint) bool { return e.Unix != "" || e.Abstract != "" }

func isIP(e *policy.Endpoint) bool { return !isUnix(e) }

// elsewhere says why an endpoint is not Landlock's, and which kernel's Landlock it would be; "" when it is.
func (b *builder) elsewhere(s side, e *policy.Endpoint) (why, kernel string) {
	switch {
	case e.Abstract != "" && s.connect:
		return "Landlock refuses abstract sockets all or none: a scope has no exceptions", ""
	case e.Abstract != "":
		return "Landlock does not restrict what abstract names are bound", ""
	case e.Unix != "" && !s.connect:
		return "Landlock allows sockets to be made in a directory, not under one name", ""
	case e.Unix != "" && b.abi < abiUnix:
		return fmt.Sprintf("Landlock ABI %d knows no UNIX sockets by path", b.abi), landlockabi.Kernel(abiUnix)
	case e.Unix != "":
		return "", ""
	case e.Host != "":
		return "Landlock knows ports, not host names", ""
	case e.Prefix != "":
		return "Landlock knows ports, not addresses", ""
	}
	return b.tooMany(e), ""
}

func (b *builder) tooMany(e *policy.Endpoint) string {
	n := max(int(e.To)-int(e.From), 0) + 1
	if b.ports+n > landlockabi.MaxPorts {
		return fmt.Sprintf("Landlock has a rule for each port, and there would be more than %d: allow any port, or fewer",
			landlockabi.MaxPorts)
	}
	b.ports += n
	return ""
}

// entry is an endpoint as a policy writes it.
func entry(e *policy.Endpoint) string {
	switch {
	case e.Unix != "":
		return "unix:" + e.Unix
	case e.Abstract != "":
		return "unix:@" + e.Abstract
	}
	host, ports := e.Host+e.Prefix, "*"
	switch {
	case e.To > e.From:
		ports = fmt.Sprintf("%d-%d", e.From, e.To)
	case e.From != 0:
		ports = fmt.Sprint(e.From)
	}
	if host == "" {
		host = "*"
	}
	return host + ":" + ports
}

// selfBinding: a datagram socket that only sends is bound by the kernel, which asks Landlock for port 0.
func (b *builder) selfBinding() {
	rs := &b.r.Ruleset
	if rs.HandledNet&landlockabi.BindUDP == 0 || !b.sends() {
		return
	}
	rs.Ports = append(rs.Ports, landlockabi.Ports{Allow: landlockabi.BindUDP, Origin: b.doc.Network.Pos.String()})
}

func (b *builder) sends() bool {
	rs := &b.r.Ruleset
	if rs.HandledNet&landlockabi.ConnectSendUDP == 0 {
		return true
	}
	for i := range rs.Ports {
		if rs.Ports[i].Allow&landlockabi.ConnectSendUDP != 0 {
			return true
		}
	}
	return false
}

// unixSockets closes both kinds of names, as far as the ABI can.
func (b *builder) unixSockets() {
	n, rs, named := b.doc.Network, &b.r.Ruleset, b.lists(isUnix)
	whole := Rest{Pos: n.Pos, Area: Network, Form: "network: connect", Open: true}
	if b.abi >= abiUnix {
		rs.HandledFS |= landlockabi.ResolveUnix
		for i := range n.Connect {
			if e := &n.Connect[i]; e.Unix != "" && path.IsAbs(e.Unix) {
				rs.Paths = append(rs.Paths, landlockabi.Path{Path: path.Clean(e.Unix), Allow: landlockabi.ResolveUnix,
					Optional: true, Origin: e.Pos.String()})
			}
		}
	} else if named {
		whole.Kernel = landlockabi.Kernel(abiUnix)
		whole.Reason = fmt.Sprintf("Landlock ABI %d does not restrict UNIX sockets that have a path", b.abi)
		b.rest(whole)
	}
	if b.abi >= abiScopes {
		rs.Scopes |= landlockabi.AbstractUnix
	} else if named {
		whole.Kernel = landlockabi.Kernel(abiScopes)
		whole.Reason = fmt.Sprintf("Landlock ABI %d does not restrict abstract UNIX sockets", b.abi)
		b.rest(whole)
	}
}
