package lang

import (
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/stead-project/stead/policy"
)

// MaxRules is how many entries `rules` may have, all files together.
const MaxRules = 20_000

// document reads the keys of a file, and adds what they say to the document.
func (p *parser) document() {
	d := &p.l.doc
	if d.Pos.File == "" {
		d.Pos = p.pos(p.f.root)
	}
	skip := func(*yaml.Node) {} // read before, by loadText
	p.mapping(p.f.root, "a policy", []field{
		{"version", skip}, {"vars", skip}, {"include", skip},
		{"name", p.name},
		{"default", p.defaultAction},
		{"rules", p.rules},
		{"files", p.files},
		{"network", p.network},
		{"exec", p.exec},
	})
}

// name names the document after the file nearest to the command line that has one.
func (p *parser) name(n *yaml.Node) {
	t, ok := p.expand(n, "name")
	if !ok {
		return
	}
	if strings.ContainsAny(t.String(), "\n\r") || len(t.String()) > 128 {
		p.fault(n, "a name is one line of at most 128 bytes")
		return
	}
	if p.l.doc.Name == "" && p.f.depth == 0 {
		p.l.doc.Name = t.String()
	}
}

// defaultAction keeps the default that was said nearest to the command line. Two that were said equally near must agree, since
// which of them is meant cannot be known.
func (p *parser) defaultAction(n *yaml.Node) {
	a, ok := p.action(n, "default")
	if !ok {
		return
	}
	d, def := &p.l.doc, &p.l.def
	if def.set && def.depth == p.f.depth && !sameAction(d.Default, a) {
		p.fault(n, "two defaults: the other is at %s; %s", d.Default.Pos, p.whichDefault())
		return
	}
	if def.set && def.depth <= p.f.depth {
		return
	}
	d.Default, def.set, def.depth = a, true, p.f.depth
}

func (p *parser) whichDefault() string {
	if p.f.depth == 0 {
		return "take one out"
	}
	return "say `default` in the file that includes them"
}

func sameAction(a, b policy.Action) bool {
	a.Pos, b.Pos = policy.Pos{}, policy.Pos{}
	return a == b
}

// files adds to the hierarchies.
func (p *parser) files(n *yaml.Node) {
	d := &p.l.doc
	if d.Files == nil {
		d.Files = &policy.Files{Pos: p.pos(n)}
	}
	f := d.Files
	p.mapping(n, "files", []field{
		{"read", p.patterns(&f.Read, "read")},
		{"write", p.patterns(&f.Write, "write")},
		{"create", p.patterns(&f.Create, "create")},
		{"exec", p.patterns(&f.Exec, "exec")},
		{"hide", p.patterns(&f.Hide, "hide")},
		{"deny", p.patterns(&f.Refuse, "deny")},
	})
}

// network adds to the endpoints.
func (p *parser) network(n *yaml.Node) {
	d := &p.l.doc
	if d.Network == nil {
		d.Network = &policy.Network{Pos: p.pos(n)}
	}
	p.mapping(n, "network", []field{
		{"connect", p.endpoints(&d.Network.Connect, "connect")},
		{"listen", p.endpoints(&d.Network.Listen, "listen")},
	})
}

// exec adds to what may be executed.
func (p *parser) exec(n *yaml.Node) {
	d := &p.l.doc
	if d.Exec == nil {
		d.Exec = &policy.Exec{Pos: p.pos(n)}
	}
	p.patterns(&d.Exec.Allow, "exec")(n)
}
