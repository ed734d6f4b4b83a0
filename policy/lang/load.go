package lang

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/policy/presets"
)

const presetPrefix = "preset:"

// An origin is where a file was asked for.
type origin struct {
	name  string
	from  *file // the file that includes it; nil for one that was given by name
	pos   policy.Pos
	depth int
}

// A file is one that was read.
type file struct {
	origin
	root *yaml.Node
	text []string // lines
}

// preset says whether the file is built in.
func (f *file) preset() bool { return strings.HasPrefix(f.name, presetPrefix) }

// A loader makes one document.
type loader struct {
	o      Options
	doc    policy.Document
	vars   variables
	faults faults
	files  []*file // in the order of their rules
	nodes  int
	def    struct { // the default, and how far from the command line it was said
		set   bool
		depth int
	}
}

func newLoader(o Options) *loader {
	if o.Env == nil {
		o.Env = os.LookupEnv
	}
	if o.ReadFile == nil {
		o.ReadFile = readFile
	}
	if !o.ABI.Valid() {
		o.ABI = arch.Native()
	}
	l := &loader{o: o}
	l.vars.init(&l.o)
	return l
}

// loadFile reads a file of the command line.
func (l *loader) loadFile(name string) {
	l.open(origin{name: name})
}

// open reads a file or preset, unless that has been done: the first place where a file is included is where its rules stand.
func (l *loader) open(o origin) {
	if slices.ContainsFunc(l.files, func(f *file) bool { return l.path(f.name) == l.path(o.name) }) {
		l.cycle(o)
		return
	}
	if err := l.mayOpen(o); err != nil {
		l.faults.add(o.pos, err)
		return
	}
	text, err := l.read(o.name)
	if err != nil {
		l.faults.add(o.pos, err)
		return
	}
	l.loadText(o, text)
}

// cycle is an error if a file includes itself, by whatever way.
func (l *loader) cycle(o origin) {
	way := o.name
	for f := o.from; f != nil; f = f.from {
		way = f.name + " -> " + way
		if l.path(f.name) == l.path(o.name) {
			l.faults.addf(o.pos, "%s includes itself: %s: take one of the includes out", o.name, way)
			return
		}
	}
}

func (l *loader) mayOpen(o origin) error {
	switch {
	case strings.ContainsRune(o.name, 0) || o.name == "":
		return fmt.Errorf("%q is no file name", o.name)
	case len(l.files) >= MaxFiles:
		return fmt.Errorf("more than %d files in one policy: join some", MaxFiles)
	case o.depth > MaxInclude:
		return fmt.Errorf("includes nested deeper than %d: join some", MaxInclude)
	}
	return nil
}

func (l *loader) read(name string) ([]byte, error) {
	if preset, ok := strings.CutPrefix(name, presetPrefix); ok {
		text, ok := presets.Read(preset)
		if !ok {
			return nil, fmt.Errorf("unknown preset %q%s", preset, didYouMean(preset, presets.Names()))
		}
		return text, nil
	}
	text, err := l.o.ReadFile(l.path(name))
	if err != nil {
		return nil, fmt.Errorf("read policy %s: %w", name, plainError(err))
	}
	return text, nil
}

// path is where a file is found, and what tells it from others: names given are relative to Options.Dir.
func (l *loader) path(name string) string {
	if strings.HasPrefix(name, presetPrefix) {
		return name
	}
	if l.o.Dir == "" || filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(l.o.Dir, name)
}

// plainError drops the operation and the name, which the message has already.
func plainError(err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// loadText reads one file's YAML, its variables, and then what it includes. Its own rules come first: who includes refines.
func (l *loader) loadText(o origin, text []byte) {
	sum := sha256.Sum256(text)
	f := &file{origin: o}
	l.files = append(l.files, f)
	l.doc.Sources = append(l.doc.Sources, policy.Source{Name: o.name, SHA256: hex.EncodeToString(sum[:])})
	root, fault := parseYAML(o.name, text)
	if fault != nil {
		l.faults.add(fault.Pos, fault.Err)
		return
	}
	p := &parser{l: l, f: f}
	if !p.check(root, 1) {
		return
	}
	if root.Kind != yaml.MappingNode {
		p.fault(root, `a policy is a mapping that begins with "version: 1", not %s`, kindName(root))
		return
	}
	f.root, f.text = root, strings.Split(string(text), "\n")
	p.version()
	p.declare()
	p.include()
}

// version refuses a language that this program does not know.
func (p *parser) version() {
	n := find(p.f.root, "version")
	if n == nil {
		p.fault(p.f.root, `the version of the language is missing: begin with "version: 1"`)
		return
	}
	if v, err := integer(n); err != nil || v != 1 {
		p.fault(n, `version %s is not known: this program reads "version: 1"`, shown(n))
	}
}

func (p *parser) include() {
	n := find(p.f.root, "include")
	if n == nil {
		return
	}
	p.list(n, "include", func(n *yaml.Node) {
		t, ok := p.expand(n, "a name in include")
		if !ok {
			return
		}
		p.l.open(origin{name: p.includeName(t), from: p.f, pos: p.pos(n), depth: p.f.depth + 1})
	})
}

// includeName is relative to the including file. A preset includes presets alone: it has no directory.
func (p *parser) includeName(t marked) string {
	name := t.String()
	if strings.HasPrefix(name, presetPrefix) || filepath.IsAbs(name) || name == "" {
		return name
	}
	if p.f.preset() {
		return presetPrefix + name
	}
	return filepath.Join(filepath.Dir(p.f.name), name)
}

// finish reads the presets that were asked for, and then everything but variables and includes of all files.
func (l *loader) finish() (*policy.Document, error) {
	for _, name := range l.o.Presets {
		l.open(origin{name: presetPrefix + name, depth: 1})
	}
	if len(l.files) == 0 && len(l.faults.list) == 0 {
		return nil, errors.New("no policy: name a file or a preset")
	}
	l.vars.checkSet(&l.faults)
	for _, f := range l.files {
		if f.root != nil {
			(&parser{l: l, f: f}).document()
		}
	}
	if err := l.faults.err(); err != nil {
		return nil, err
	}
	return &l.doc, nil
}
