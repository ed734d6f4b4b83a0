package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/stead-project/stead/emulate"
	"github.com/stead-project/stead/emulate/container"
	"github.com/stead-project/stead/emulate/fakeroot"
	"github.com/stead-project/stead/emulate/perform"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/policy/compiler"
	"github.com/stead-project/stead/policy/lang"
	"github.com/stead-project/stead/unotify/landlock"
)

// enforcement compiles the policy for this machine. What --best-effort loses is said; the rest is for `stead policy check`.
func (f *runFlags) enforcement(log hclog.Logger) (*enforcement, error) {
	say := log.Info
	if f.bestEffort {
		say = log.Warn
	}
	prog, err := f.compile(f.log != "" || f.onDeny == "print", func(w compiler.Warning) { say(w.Text, "at", w.Pos.String()) })
	if err != nil {
		return nil, err
	}
	return enforce(prog, f.bestEffort)
}

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
	prog, err := compiler.Compile(doc, compiler.Options{Landlock: abi, BestEffort: f.bestEffort, Record: record,
		Range: performs(), Watch: perform.Watch(), Resolve: resolve, List: list, IsDir: isDir, Lookup: lookup})
	if err != nil || warn == nil {
		return prog, err
	}
	for _, w := range prog.Warnings {
		warn(w)
	}
	return prog, nil
}

// resolve follows a path's symbolic links as far as they go.
func resolve(path string) string {
	real, err := filepath.EvalSymlinks(path)
	if err == nil {
		return real
	}
	dir, base := filepath.Split(filepath.Clean(path))
	if dir == "" || dir == path {
		return path
	}
	return filepath.Join(resolve(filepath.Clean(dir)), base)
}

// list gives the names in a directory, none if it cannot be read.
func list(dir string) (names []string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func isDir(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.IsDir()
}

// lookup asks the machine's resolver.
func lookup(host string) ([]netip.Addr, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

// performs is what the supervisor of `stead run` performs.
func performs() policy.Range {
	return emulate.RangeOf(perform.Calls(), container.Calls(), fakeroot.Calls())
}

// printWarning is for verbs that are about the policy itself.
func printWarning(w compiler.Warning) { fmt.Fprintln(os.Stderr, w) }
