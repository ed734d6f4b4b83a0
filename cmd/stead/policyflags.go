package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/policy/compiler"
	"github.com/stead-project/stead/policy/lang"
	"github.com/stead-project/stead/unotify/landlock"
)

// policyFlags say which policy is meant, and for which machine it is compiled.
type policyFlags struct {
	files      []string
	presets    []string
	set        []string
	bestEffort bool
}

func (f *policyFlags) add(fs *pflag.FlagSet, withFiles bool) {
	if withFiles {
		fs.StringArrayVar(&f.files, "policy", nil, "a policy file; may be given several times")
	}
	fs.StringArrayVar(&f.presets, "preset", nil, "a policy that is built in (see stead policy presets); may be given several times")
	fs.StringArrayVar(&f.set, "set", nil, "NAME=VALUE: replaces a variable of the policy")
	fs.BoolVar(&f.bestEffort, "best-effort", false, "go on where this machine cannot enforce all of the policy, and say what is lost")
}

// any says whether a policy was asked for.
func (f *policyFlags) any() bool { return len(f.files)+len(f.presets) > 0 }

func (f *policyFlags) load() (*policy.Document, error) {
	set := map[string]string{}
	for _, s := range f.set {
		name, value, ok := strings.Cut(s, "=")
		if !ok {
			return nil, fmt.Errorf("--set %q: write NAME=VALUE", s)
		}
		set[name] = value
	}
	files, presets := []string{}, f.presets
	for _, name := range f.files {
		if preset, ok := strings.CutPrefix(name, "preset:"); ok {
			presets = append(presets, preset)
			continue
		}
		files = append(files, name)
	}
	return lang.Load(lang.Options{Files: files, Presets: presets, Set: set})
}

// compile loads and compiles for this machine. warn is told what the policy's writer should know; nil: nobody.
func (f *policyFlags) compile(record bool, warn func(compiler.Warning)) (*compiler.Program, error) {
	if !f.any() {
		return nil, fmt.Errorf("no policy: name a file, or a preset with --preset")
	}
	doc, err := f.load()
	if err != nil {
		return nil, err
	}
	abi, err := landlock.ABI()
	if err != nil {
		abi = 0
	}
	prog, err := compiler.Compile(doc, compiler.Options{Landlock: abi, BestEffort: f.bestEffort, Record: record})
	if err != nil || warn == nil {
		return prog, err
	}
	for _, w := range prog.Warnings {
		warn(w)
	}
	return prog, nil
}

// printWarning is for verbs that are about the policy itself.
func printWarning(w compiler.Warning) { fmt.Fprintln(os.Stderr, w) }
