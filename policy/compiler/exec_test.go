package compiler

import (
	"slices"
	"strings"
	"testing"

	"github.com/stead-project/stead/internal/landlockabi"
)

// withTree gives options for a machine that has these files. "/a/b=/c" is a link; a name that ends in / is a directory.
func withTree(files ...string) Options {
	o := everything()
	links, dirs, names := map[string]string{}, map[string]bool{"/": true}, map[string][]string{}
	for _, f := range files {
		f, to, link := strings.Cut(f, "=")
		if at := strings.TrimSuffix(f, "/"); link {
			links[at] = to
		} else if at != f {
			dirs[at] = true
		}
		f = strings.TrimSuffix(f, "/")
		dir, name := f[:max(1, strings.LastIndex(f, "/"))], f[strings.LastIndex(f, "/")+1:]
		names[dir] = append(names[dir], name)
	}
	o.Resolve = func(at string) string {
		for range 9 {
			for from, to := range links {
				if within(at, from) {
					at = to + strings.TrimPrefix(at, from)
				}
			}
		}
		return at
	}
	o.List = func(dir string) []string { return names[o.Resolve(dir)] }
	o.IsDir = func(at string) bool { return dirs[o.Resolve(at)] }
	return o
}

func executable(p *Program) string {
	var got []string
	for _, r := range p.Landlock.Ruleset.Paths {
		if r.Allow&landlockabi.Execute != 0 {
			got = append(got, r.Path)
		}
	}
	slices.Sort(got)
	return strings.Join(got, " ")
}

// Landlock follows links when a rule is made: none may lead to what is refused, whether it stands in the policy or beside.
func TestExecLinks(t *testing.T) {
	o := withTree("/bin/", "/bin/sh", "/bin/to-keys=/work/keys", "/bin/to-key=/work/keys/k", "/work/", "/work/a/", "/work/keys/", "/work/keys/k",
		"/work/link=/work/keys", "/opt/", "/opt/work=/work", "/opt/keys=/work/keys")
	for files, want := range map[string]string{
		"exec: [/work], deny: [/work/keys]":         "/work/a",
		"exec: [/work, /bin], deny: [/work/keys]":   "/bin /work/a",
		"exec: [/opt/work], deny: [/work/keys]":     "/work/a",
		"exec: [/opt/keys, /bin/sh], deny: [/work]": "/bin/sh",
		"exec: [/], hide: [/work/keys]":             "/bin /opt /work/a",
		"exec: [/], deny: [/opt/keys]":              "/bin /work/a",
		"exec: [/bin], deny: [/opt/work/keys]":      "/bin",
	} {
		if p := compiled(t, "default: allow\nfiles: {read: [/], "+files+"}\n", o); executable(p) != want {
			t.Errorf("%s: %q may be executed, want %q", files, executable(p), want)
		}
	}
	if _, err := Compile(load(t, "default: allow\nfiles: {read: [/], exec: [/opt/work], deny: ['/work/**/k']}\n"), o); err == nil || !strings.Contains(err.Error(), "leads to /work") {
		t.Errorf("a glob may refuse anything where a link leads: %v", err)
	}
}

// A glob stands for the files that match it when the policy is loaded.
func TestExecGlobs(t *testing.T) {
	o := withTree("/usr/", "/usr/bin/", "/usr/bin/python3=/usr/bin/python3.11", "/usr/bin/python3.11", "/usr/bin/python-dir/", "/usr/bin/python-dir/x",
		"/usr/bin/perl", "/usr/bin/X11=/usr/bin", "/usr/lib/", "/usr/lib/a/", "/usr/lib/a/ld.so", "/usr/lib/b/", "/usr/lib/b/ld.so", "/usr/lib/b/deep/",
		"/usr/lib/b/deep/ld.so", "/bin=/usr/bin", "/usr/bin/python-away=/srv/p", "/srv/", "/srv/p")
	for _, tc := range []struct{ files, want string }{
		{"files: {exec: ['/usr/bin/python3*']}", "/usr/bin/python3.11 /usr/bin/python3.11"},
		{"files: {exec: ['/bin/p*l']}", "/usr/bin/perl"},
		{"exec: ['/usr/lib/*/ld.so']", "/usr/lib/a/ld.so /usr/lib/b/ld.so"},
		{"exec: ['/usr/lib/**/ld.so']", "/usr/lib/a/ld.so /usr/lib/b/deep/ld.so /usr/lib/b/ld.so"},
		{"exec: ['/usr/**/perl']", "/usr/bin/perl"},
		{"files: {exec: ['/usr/bin/py*'], hide: [/srv]}", "/usr/bin/python3.11 /usr/bin/python3.11"},
		{"files: {exec: ['/usr/lib/*/ld.so', /usr/bin/perl], deny: [/usr/lib/b]}", "/usr/bin/perl /usr/lib/a/ld.so"},
		{"exec: ['/usr/none*', /usr/bin/perl]", "/usr/bin/perl"},
	} {
		p := compiled(t, "default: allow\n"+tc.files+"\n", o)
		if executable(p) != tc.want {
			t.Errorf("%s: %q may be executed, want %q", tc.files, executable(p), tc.want)
		}
		if !slices.ContainsFunc(p.Warnings, func(w Warning) bool { return strings.Contains(w.Text, "none that is made later") }) {
			t.Errorf("%s: not warned: %v", tc.files, p.Warnings)
		}
	}
	o.List = func(string) []string { return slices.Repeat([]string{"x"}, 1000) }
	o.IsDir = func(at string) bool { return strings.Count(at, "/") < 4 }
	if _, err := Compile(load(t, "exec: ['/usr/**/x']\n"), o); err == nil || !strings.Contains(err.Error(), "more than 65536 files") {
		t.Errorf("too many files: %v", err)
	}
}
