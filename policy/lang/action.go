package lang

import (
	"strings"
	"syscall"

	"go.yaml.in/yaml/v4"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
)

// maxErrno is the largest value that system calls return as an error (MAX_ERRNO, include/linux/err.h).
const maxErrno = 4095

func verbs() []string { return []string{"allow", "deny", "kill", "log", "perform", "ask", "return"} }

// verb finds a verb that needs nothing more.
func verb(word string) (policy.Verdict, bool) {
	for v := policy.Deny; v <= policy.Ask; v++ {
		if v.String() == word && v != policy.Return {
			return v, true
		}
	}
	return policy.Deny, false
}

// action reads `then` or `default`: a verb, or {deny: ERRNO} or {return: N}, with or without quiet.
func (p *parser) action(n *yaml.Node, what string) (policy.Action, bool) {
	a := policy.Action{Pos: p.pos(n)}
	if n.Kind == yaml.MappingNode {
		return p.actionMapping(n, what, a)
	}
	word, ok := p.text(n, what)
	if !ok {
		return a, false
	}
	a.Verdict, ok = verb(word)
	if !ok {
		p.fault(n, "%s", unknownVerb(what, word))
	}
	return a, ok
}

func unknownVerb(what, word string) string {
	switch {
	case word == "return":
		return what + ": return needs a value: write {return: 0}"
	case strings.HasPrefix(word, "deny "), strings.HasPrefix(word, "deny:"):
		return what + ": write {deny: " + strings.TrimSpace(word[len("deny "):]) + "}"
	}
	return "unknown verb " + clip(word) + " in " + what + didYouMean(word, verbs())
}

func (p *parser) actionMapping(n *yaml.Node, what string, a policy.Action) (policy.Action, bool) {
	said, ok := 0, true
	p.mapping(n, what, []field{
		{"deny", func(v *yaml.Node) {
			said++
			ok = p.errno(v, &a) && ok
		}},
		{"return", func(v *yaml.Node) {
			said++
			ok = p.returned(v, &a) && ok
		}},
		{"quiet", func(v *yaml.Node) { a.Quiet = p.boolean(v, "quiet") }},
	})
	if said != 1 && ok {
		p.fault(n, "%s has one of deny and return: {deny: EPERM}, or {return: 0}; the other verbs stand alone", what)
	}
	return a, ok && said == 1
}

// errno reads the name of an error (errno(3)).
func (p *parser) errno(n *yaml.Node, a *policy.Action) bool {
	a.Verdict = policy.Deny
	if n.Kind == yaml.ScalarNode && n.Tag == "!!int" {
		p.fault(n, "deny takes the name of an error, such as EPERM: the numbers differ between machines")
		return false
	}
	name, ok := p.text(n, "deny")
	if !ok {
		return false
	}
	number, ok := p.l.o.ABI.Errno(name)
	if !ok || number < 1 || number > maxErrno {
		p.fault(n, "unknown error %s%s", clip(name), didYouMean(name, errnoNames()))
		return false
	}
	a.Errno = syscall.Errno(number)
	return true
}

func errnoNames() []string {
	set := arch.LookupSet("errno")
	if set == nil {
		return nil
	}
	names := make([]string, len(set.Consts))
	for i := range set.Consts {
		names[i] = set.Consts[i].Name
	}
	return names
}

// returned reads a value. The small negative ones are how the kernel returns errors.
func (p *parser) returned(n *yaml.Node, a *policy.Action) bool {
	a.Verdict = policy.Return
	v, err := integer(n)
	if err != nil {
		p.fault(n, "return: %w", err)
		return false
	}
	if v < 0 && v >= -maxErrno {
		p.fault(n, "return: %d is an error to the caller: write {deny: %s}", v, p.errnoFor(int(-v)))
		return false
	}
	a.Value = v
	return true
}

func (p *parser) errnoFor(number int) string {
	if name := p.l.o.ABI.ErrnoName(number); name != "" {
		return name
	}
	return "EPERM"
}
