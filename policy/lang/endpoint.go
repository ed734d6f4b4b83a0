package lang

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/stead-project/stead/policy"
)

// maxUnix is the longest path of a socket: sun_path less its NUL (unix(7)).
const maxUnix = 107

// endpoints returns a reader of a list of endpoints, which adds to a list what it has not yet.
func (p *parser) endpoints(to *[]policy.Endpoint, what string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		have := make(map[policy.Endpoint]bool, len(*to))
		for _, e := range *to {
			e.Pos = policy.Pos{}
			have[e] = true
		}
		p.list(n, what, func(item *yaml.Node) {
			e, ok := p.endpoint(item)
			if ok && !have[e] {
				have[e] = true
				e.Pos = p.pos(item)
				*to = append(*to, e)
			}
		})
	}
}

// endpoint reads one, without its place. YAML takes 80 for a number, and 1:30 in some versions.
func (p *parser) endpoint(n *yaml.Node) (policy.Endpoint, bool) {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!int" {
		p.fault(n, `%s is a port without an address: write ":%s" for any address`, n.Value, n.Value)
		return policy.Endpoint{}, false
	}
	t, ok := p.expand(n, "an endpoint")
	if !ok {
		return policy.Endpoint{}, false
	}
	e, err := parseEndpoint(t)
	if err != nil {
		p.fault(n, "%w", err)
	}
	return e, err == nil
}

func parseEndpoint(t marked) (policy.Endpoint, error) {
	switch {
	case t.s == "":
		return policy.Endpoint{}, errors.New(`an empty endpoint: write "*" for any`)
	case t.hasPrefix("unix:"):
		return unixEndpoint(t.from(len("unix:"), len(t.s)))
	}
	host, port, err := splitPort(t)
	if err != nil {
		return policy.Endpoint{}, err
	}
	e, err := hostEndpoint(host)
	if err != nil {
		return e, err
	}
	e.From, e.To, err = ports(port)
	return e, err
}

// splitPort parts host and port at the colon that the policy has written; one in a variable's value parts nothing.
func splitPort(t marked) (host, port marked, err error) {
	none := marked{s: "*"}
	if t.is(0, '[') {
		return splitBracket(t, none)
	}
	switch i := t.index(':'); {
	case t.count(':') > 1:
		return host, port, fmt.Errorf(`%s: put an IPv6 address in brackets: "[::1]:80"`, clip(t.s))
	case i >= 0:
		return t.from(0, i), t.from(i+1, len(t.s)), nil
	case isDigits(t.s):
		return host, port, fmt.Errorf(`%s is a port without an address: write ":%s" for any address`, t.s, t.s)
	}
	return t, none, nil
}

func splitBracket(t, none marked) (host, port marked, err error) {
	end := t.index(']')
	if end < 0 {
		return host, port, fmt.Errorf(`%s: the bracket is never closed: "[::1]:80"`, clip(t.s))
	}
	host, port = t.from(1, end), t.from(end+1, len(t.s))
	switch {
	case port.s == "":
		port = none
	case port.is(0, ':'):
		port = port.from(1, len(port.s))
	default:
		return host, port, fmt.Errorf(`%s: after ] comes a port: "[::1]:80", "[fd00::/8]:*"`, clip(t.s))
	}
	if !strings.Contains(host.s, ":") {
		return host, port, fmt.Errorf("%s: brackets are for IPv6 addresses: leave them out", clip(t.s))
	}
	return host, port, nil
}

func isDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// ports reads a port, a range, or * (also if nothing was said).
func ports(t marked) (from, to uint16, err error) {
	if t.s == "*" && !t.isData(0) {
		return 0, 0, nil
	}
	low, high := t, t
	if i := t.index('-'); i >= 0 {
		low, high = t.from(0, i), t.from(i+1, len(t.s))
	}
	if from, err = port(low.s); err == nil {
		to, err = port(high.s)
	}
	if err == nil && from > to {
		err = fmt.Errorf("ports %d-%d: the first is the larger one: write %d-%d", from, to, to, from)
	}
	return from, to, err
}

func port(s string) (uint16, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	switch {
	case !isDigits(s):
		return 0, fmt.Errorf("%s is no port: write a number, a range 1000-2000, or *", clip(s))
	case err != nil:
		return 0, fmt.Errorf("port %s is larger than 65535", s)
	case n == 0:
		return 0, errors.New("port 0 is none: the kernel would choose one: write * for any, or a range")
	}
	return uint16(n), nil
}

// hostEndpoint reads the part before the port.
func hostEndpoint(t marked) (e policy.Endpoint, err error) {
	switch {
	case t.s == "" || t.s == "*" && !t.isData(0):
		return e, nil
	case strings.ContainsAny(t.s, "/:") || looksNumeric(t.s):
		e.Prefix, err = prefix(t.s)
	default:
		e.Host, err = hostName(t.s)
	}
	return e, err
}

// looksNumeric finds what is meant as an IPv4 address, right or wrong: no top-level domain is a number (RFC 3696, 2).
func looksNumeric(s string) bool { return isDigits(s[strings.LastIndexByte(s, '.')+1:]) }

func prefix(s string) (string, error) {
	if addr, err := netip.ParseAddr(s); err == nil {
		if addr.Zone() != "" {
			return "", fmt.Errorf("%s has a zone, which the kernel does not compare: leave out what follows %%", clip(s))
		}
		return wholePrefix(s, netip.PrefixFrom(addr, addr.BitLen()))
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return "", fmt.Errorf(`%s is no IP address and no prefix: write 10.0.0.1, 10.0.0.0/8 or [fd00::/8]`, clip(s))
	}
	return wholePrefix(s, p)
}

func wholePrefix(s string, p netip.Prefix) (string, error) {
	switch {
	case p.Addr().Is4In6():
		return "", fmt.Errorf("%s is an IPv4 address in IPv6: write %s", clip(s), p.Addr().Unmap())
	case p != p.Masked():
		return "", fmt.Errorf("%s has bits beyond its mask: write %s", clip(s), p.Masked())
	}
	return p.String(), nil
}

// hostName checks a name as RFC 1123, 2.1 has it, and underscores, which are in use.
func hostName(s string) (string, error) {
	name := strings.ToLower(strings.TrimSuffix(s, "."))
	if strings.Contains(name, "*") {
		return "", fmt.Errorf("%s: a pattern of names cannot be looked up: name each host, or its addresses", clip(s))
	}
	if len(name) > 253 || slices.ContainsFunc(strings.Split(name, "."), badLabel) {
		return "", fmt.Errorf("%s is no host name", clip(s))
	}
	return name, nil
}

func badLabel(label string) bool {
	return label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' ||
		strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != ""
}

// unixEndpoint reads what follows "unix:": a path, or @ and an abstract name.
func unixEndpoint(t marked) (e policy.Endpoint, err error) {
	if t.hasPrefix("@") {
		e.Abstract = t.s[1:]
		return e, checkAbstract(e.Abstract)
	}
	x, err := parsePattern(t)
	switch {
	case err != nil:
		return e, fmt.Errorf("unix: %w", err)
	case x.Glob:
		return e, fmt.Errorf(`unix:%s: a socket is named by its path, without a pattern: write \%c for the character itself`,
			t.s, x.Path[strings.IndexAny(x.Path, "*?[")])
	case len(x.Path) > maxUnix:
		return e, fmt.Errorf("unix:%s: a socket's path has at most %d bytes", t.s, maxUnix)
	}
	e.Unix = x.Path
	return e, nil
}

func checkAbstract(name string) error {
	switch {
	case name == "":
		return errors.New("unix:@ is no name: write unix:@name")
	case len(name) > maxUnix:
		return fmt.Errorf("unix:@%s: an abstract name has at most %d bytes", clip(name), maxUnix)
	case strings.ContainsAny(name, "\x00\n"):
		return fmt.Errorf("unix:@%s has a NUL or a newline", clip(name))
	}
	return nil
}
