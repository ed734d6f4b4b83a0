package lang

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"github.com/stead-project/stead/internal/nearest"
	"github.com/stead-project/stead/policy"
)

// maxVars is how many variables may be declared, all files together.
const maxVars = 1000

// A variable is one of `vars`.
type variable struct {
	p      *parser
	node   *yaml.Node
	number bool // it was declared as a number, and stays one
	state  resolution
	value  string
}

type resolution uint8

const (
	unresolved resolution = iota
	resolving
	resolved
	failed // and reported
)

// variables finds the values of ${NAME}.
type variables struct {
	o   *Options
	own map[string]*variable
}

// errReported is a failure that has its message already, at the place of its cause.
var errReported = errors.New("reported before")

func (v *variables) init(o *Options) { v.o, v.own = o, map[string]*variable{} }

// builtins are the variables that nobody has to declare.
func builtins() []string { return []string{"CWD", "HOME", "TMPDIR", "UID", "USER", "XDG_RUNTIME_DIR"} }

// names returns all that ${…} may name, in order.
func (v *variables) names() []string {
	return append(slices.Sorted(maps.Keys(v.own)), builtins()...)
}

// declare reads `vars`. Of two declarations the one nearer to the command line counts.
func (p *parser) declare() {
	n := find(p.f.root, "vars")
	if n == nil {
		return
	}
	if n.Kind != yaml.MappingNode {
		p.fault(n, "vars is a mapping (name: value), not %s", kindName(n))
		return
	}
	seen := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content) && !p.l.faults.full(); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if p.key(key, "vars", seen) && p.declarable(key, value) {
			p.declareOne(key, value)
		}
	}
}

func (p *parser) declarable(key, value *yaml.Node) bool {
	switch {
	case len(p.l.vars.own) >= maxVars:
		p.fault(key, "more than %d variables", maxVars)
	case !isName(key.Value):
		p.fault(key, "%s is no name for a variable: use letters, digits and _, beginning with a letter", clip(key.Value))
	case slices.Contains(builtins(), key.Value):
		p.fault(key, "%s is a variable already: choose another name, or override it with --set %s=…", key.Value, key.Value)
	case value.Kind != yaml.ScalarNode || value.Tag != "!!str" && value.Tag != "!!int":
		p.fault(value, "a variable is text or a whole number, not %s", kindName(value))
	default:
		return true
	}
	return false
}

func (p *parser) declareOne(key, value *yaml.Node) {
	own := p.l.vars.own
	v := &variable{p: p, node: value, number: value.Tag == "!!int"}
	old, ok := own[key.Value]
	switch {
	case !ok || p.f.depth < old.p.f.depth && old.state == unresolved:
		own[key.Value] = v
	case p.f.depth > old.p.f.depth || old.node.Value == value.Value:
	default:
		p.fault(key, "the variable %s has another value at %s: say it in the file that includes both, or once",
			key.Value, old.p.pos(old.node))
	}
}

// isName accepts what a shell would, up to 64 bytes.
func isName(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

// checkSet refuses overrides of what is not there, and then makes sure that every variable has a value.
func (v *variables) checkSet(f *faults) {
	for _, name := range slices.Sorted(maps.Keys(v.o.Set)) {
		if _, ok := v.own[name]; !ok && !slices.Contains(builtins(), name) {
			f.addf(policy.Pos{}, "--set %s: no policy has a variable of that name%s", name, didYouMean(name, v.names()))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(v.own)) {
		if _, _, err := v.lookup(name); err != nil && !errors.Is(err, errReported) {
			o := v.own[name]
			o.p.fault(o.node, "%w", err)
		}
	}
}

// lookup finds a value. number says that it may stand for a number in a condition.
func (v *variables) lookup(name string) (value string, number bool, err error) {
	if env, ok := strings.CutPrefix(name, "env:"); ok {
		value, err = v.environment(env)
		return value, false, err
	}
	if set, ok := v.o.Set[name]; ok {
		return v.override(name, set)
	}
	if o, ok := v.own[name]; ok {
		value, err = v.resolve(name, o)
		return value, o.number, err
	}
	value, err = v.builtin(name)
	if err == nil {
		err = checkValue(name, value)
	}
	return value, name == "UID", err
}

func (v *variables) override(name, value string) (string, bool, error) {
	number := name == "UID" || v.own[name] != nil && v.own[name].number
	if _, err := strconv.ParseInt(value, 10, 64); number && err != nil {
		return "", false, fmt.Errorf("--set %s=%s: the variable is a whole number", name, clip(value))
	}
	return value, number, checkValue(name+" (of --set)", value)
}

func (v *variables) environment(name string) (string, error) {
	if !isName(name) {
		return "", fmt.Errorf("%s is no name of an environment variable: write ${env:NAME}", clip(name))
	}
	value, ok := v.o.Env(name)
	if !ok {
		return "", fmt.Errorf("${env:%s}: the environment has no %s: set it, or declare a variable in vars and use --set", name, name)
	}
	return value, checkValue("${env:"+name+"}", value)
}

// resolve replaces the variables in a variable's own text, once.
func (v *variables) resolve(name string, o *variable) (string, error) {
	switch o.state {
	case resolved:
		return o.value, nil
	case failed:
		return "", errReported
	case resolving:
		return "", fmt.Errorf("the variable %s is made of itself: give it a value of its own", name)
	}
	o.state = resolving
	t, ok := marked{s: o.node.Value}, true
	if o.number {
		if _, err := integer(o.node); err != nil {
			o.p.fault(o.node, "the variable %s: %w", name, err)
			ok = false
		}
	} else {
		t, ok = o.p.expand(o.node, "a variable")
	}
	if err := checkValue(name, t.String()); ok && err != nil {
		o.p.fault(o.node, "%w", err)
		ok = false
	}
	o.state, o.value = failed, t.String()
	if !ok {
		return "", errReported
	}
	o.state = resolved
	return o.value, nil
}

func (v *variables) builtin(name string) (string, error) {
	switch name {
	case "CWD":
		return workingDirectory(v.o.Dir)
	case "UID":
		if v.o.UID != nil {
			return strconv.Itoa(*v.o.UID), nil
		}
		return strconv.Itoa(os.Getuid()), nil
	}
	if !slices.Contains(builtins(), name) {
		return "", v.undefined(name)
	}
	if value, ok := v.o.Env(name); ok && value != "" {
		return value, nil
	}
	if name == "TMPDIR" {
		return "/tmp", nil // as mktemp(1) has it
	}
	return "", fmt.Errorf("${%s}: the environment has no %s: set it, or use --set %s=…", name, name, name)
}

func workingDirectory(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("${CWD}: find the current directory: %w", err)
	}
	return dir, nil
}

func (v *variables) undefined(name string) error {
	if near := nearest.Name(name, v.names()); near != "" {
		return fmt.Errorf("undefined variable ${%s}: did you mean ${%s}?", name, near)
	}
	if _, ok := v.o.Env(name); ok {
		return fmt.Errorf("undefined variable ${%s}: write ${env:%s} for the environment's", name, name)
	}
	return fmt.Errorf("undefined variable ${%s}: declare it in vars, or write ${env:NAME} for the environment's; known are %s",
		name, strings.Join(v.names(), ", "))
}

// checkValue refuses values that no path, name or port has, and the empty one: "/srv/${x}" would become "/srv/".
func checkValue(name, value string) error {
	switch {
	case value == "":
		return fmt.Errorf("the variable %s is empty: give it a value", name)
	case len(value) > MaxValue:
		return fmt.Errorf("the value of %s has more than %d bytes", name, MaxValue)
	case !utf8.ValidString(value):
		return fmt.Errorf("the value of %s is not UTF-8: %s", name, clip(value))
	case strings.IndexFunc(value, unicode.IsControl) >= 0:
		return fmt.Errorf("the value of %s has a control character (a newline, say): %s", name, clip(value))
	}
	return nil
}
