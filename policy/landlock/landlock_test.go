package landlock

import (
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/internal/landlockabi"
	"github.com/stead-project/stead/policy"
)

func pats(list ...string) (out []policy.Pattern) {
	for i, p := range list {
		out = append(out, policy.Pattern{Pos: policy.Pos{File: "p.yaml", Line: i + 1, Column: 3}, Path: p, Glob: strings.ContainsAny(p, "*?[")})
	}
	return out
}

// paths are a ruleset's rules on files as text.
func paths(r Result) []string {
	var list []string
	for _, p := range r.Ruleset.Paths {
		list = append(list, fmt.Sprintf("%s %v", p.Path, p.Allow))
	}
	return list
}

func rests(r Result) []string {
	var list []string
	for _, x := range r.Rest {
		list = append(list, x.Form+" "+x.Entry)
	}
	return list
}

func TestFiles(t *testing.T) {
	doc := &policy.Document{
		Files: &policy.Files{Read: pats("/usr", "/srv", "/home/*/.config", "/etc/"), Write: pats("/var/log"), Create: pats("/tmp"),
			Exec: pats("/usr/bin"), Hide: pats("/srv/keys"), Refuse: pats("/nothing")},
		Exec: &policy.Exec{Allow: pats("/opt", "/x/**")},
	}
	r := FromDocument(doc, Options{ABI: 7})
	want := []string{"/usr read_file,read_dir", "/etc read_file,read_dir", "/var/log write_file,read_file,read_dir,truncate,ioctl_dev",
		"/tmp write_file,read_file,read_dir,remove_dir,remove_file,make_dir,make_reg,make_sock,make_fifo,make_sym,refer,truncate,ioctl_dev",
		"/usr/bin execute", "/opt execute"}
	if got := paths(r); !slices.Equal(got, want) {
		t.Errorf("rules\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if got, want := rests(r), []string{"files: hide /srv/keys", "files: read /srv", "files: read /home/*/.config", "exec /x/**"}; !slices.Equal(got, want) {
		t.Errorf("rest %q, want %q", got, want)
	}
	if got, want := r.Ruleset.HandledFS, landlockabi.FactsOf(7).FS; got != want {
		t.Errorf("handled %v, want %v", got, want)
	}
	const why = "/srv/keys is hidden at p.yaml:1:3, and Landlock cannot take back a part of a hierarchy: list what is beside it instead"
	if got := r.Rest[1].Reason; got != why {
		t.Errorf("reason %q, want %q", got, why)
	}
	if r.Exact(Files) || r.Exact(Exec) || !r.Exact(Network) {
		t.Errorf("exact: files %v, exec %v, network %v", r.Exact(Files), r.Exact(Exec), r.Exact(Network))
	}
	if r.Ruleset.Paths[0].Origin != "p.yaml:1:3" || !r.Ruleset.Paths[0].Optional {
		t.Errorf("rule %+v", r.Ruleset.Paths[0])
	}
}

func TestNothingWanted(t *testing.T) {
	for abi := range landlockabi.Newest + 1 {
		r := FromDocument(&policy.Document{}, Options{ABI: abi})
		p, losses, err := landlockabi.Compile(r.Ruleset, abi, landlockabi.Strict)
		if err != nil || len(losses)+len(r.Rest)+len(r.Gaps) != 0 || !p.Empty() {
			t.Errorf("ABI %d: %+v, %v, %v", abi, r, losses, err)
		}
	}
}

// TestExecOnly: closing execution must not close renames, which the kernel does with any right on files.
func TestExecOnly(t *testing.T) {
	r := FromDocument(&policy.Document{Exec: &policy.Exec{Allow: pats("/usr")}}, Options{ABI: 7})
	if got, want := paths(r), []string{"/usr execute", "/ refer"}; !slices.Equal(got, want) {
		t.Errorf("rules %q, want %q", got, want)
	}
	if want := landlockabi.Execute | landlockabi.Refer; r.Ruleset.HandledFS != want {
		t.Errorf("handled %v, want %v", r.Ruleset.HandledFS, want)
	}
	if len(r.Rest) != 0 {
		t.Errorf("rest %v", rests(r))
	}
	if _, _, err := landlockabi.Compile(r.Ruleset, 1, landlockabi.Strict); err == nil || !strings.Contains(err.Error(), "REFER") {
		t.Errorf("ABI 1: error %v", err)
	}
}

func TestOverlaps(t *testing.T) {
	for _, c := range []struct {
		allow, deny string
		meets       bool
	}{
		{"/srv", "/srv/keys", true}, {"/srv", "/srv", true}, {"/srv/keys/a", "/srv/keys", true}, {"/", "/x", true}, {"/x", "/", true},
		{"/srv", "/srvx", false}, {"/srvx", "/srv", false}, {"/srv/a", "/srv/b", false}, {"/srv/", "/srv/keys/", true},
		{"/srv", "/srv/*.key", true}, {"/srv", "/*/keys", true}, {"/srv/a", "/*/b", false}, {"/srv/a", "/*/b/**", false},
		{"/srv/a/b", "/**/c", true}, {"/home/u/src", "/home/*/.ssh/**", false}, {"/home/u", "/home/*/.ssh/**", true},
		{"/home/u/.ssh/x", "/home/*/.ssh/**", true}, {"/srv/a", "/srv/[b-z]", true}, {"/srv/a", "/srv/b?", false},
		{"/srv/bc", "/srv/b?", true}, {"/usr", "/srv/*", false}, {"/srv/a.key", "/srv/*.key", true}, {"/srv/a.pem", "/srv/*.key", false},
		{"/srv-1/x", "/srv", false}, {"/srv", "/srv!/x", false},
	} {
		doc := &policy.Document{Files: &policy.Files{Read: pats(c.allow), Refuse: pats(c.deny)}}
		r := FromDocument(doc, Options{ABI: 7})
		if got := len(r.Rest) == 1; got != c.meets {
			t.Errorf("allow %s, deny %s: meets %v, want %v", c.allow, c.deny, got, c.meets)
		}
	}
}

// TestNeverMoreThanThePolicy: random documents; what the ruleset lets through, the document lets through; and where nothing is
// left over, also the other way round.
func TestNeverMoreThanThePolicy(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	exact, granted := 0, 0
	for range 4000 {
		f := &policy.Files{Read: randomPatterns(rng), Write: randomPatterns(rng), Exec: randomPatterns(rng)}
		if rng.IntN(3) > 0 {
			f.Refuse = randomPatterns(rng)
		}
		if rng.IntN(4) == 0 {
			f.Hide = randomPatterns(rng)
		}
		r := FromDocument(&policy.Document{Files: f}, Options{ABI: 7})
		for _, p := range universe() {
			for _, right := range []landlockabi.FS{landlockabi.ReadFile, landlockabi.WriteFile, landlockabi.Execute} {
				got, want := grants(&r.Ruleset, p, right), allows(f, p, right)
				if got && !want || got != want && len(r.Rest) == 0 {
					t.Fatalf("%v on %s: Landlock %v, policy %v\n%+v\n%v", right, p, got, want, f, paths(r))
				}
				if got {
					granted++
				}
			}
		}
		if len(r.Rest) == 0 {
			exact++
		}
	}
	if exact < 100 || granted < 1000 {
		t.Errorf("%d exact documents, %d grants: the test says little", exact, granted)
	}
}

func randomPatterns(rng *rand.Rand) (list []policy.Pattern) {
	names := []string{"a", "b", "ab", "a", "b", "*", "a*", "**"}
	for range rng.IntN(3) {
		p := ""
		for range 1 + rng.IntN(3) {
			p += "/" + names[rng.IntN(len(names)-3*rng.IntN(2))]
		}
		list = append(list, policy.Pattern{Path: p, Glob: strings.Contains(p, "*")})
	}
	return list
}

func universe() (list []string) {
	list = []string{""}
	for i := 0; len(list) < 85 && i < len(list); i++ {
		for _, n := range []string{"a", "b", "ab", "c"} {
			list = append(list, list[i]+"/"+n)
		}
	}
	return list[1:]
}

func grants(r *landlockabi.Ruleset, p string, right landlockabi.FS) bool {
	return slices.ContainsFunc(r.Paths, func(e landlockabi.Path) bool { return e.Allow&right != 0 && below(p, e.Path) })
}

func below(p, dir string) bool {
	return p == dir || strings.HasPrefix(p, strings.TrimSuffix(dir, "/")+"/")
}

func allows(f *policy.Files, p string, right landlockabi.FS) bool {
	if covered(f.Refuse, p) || covered(f.Hide, p) {
		return false
	}
	switch right {
	case landlockabi.ReadFile:
		return covered(f.Read, p) || covered(f.Write, p)
	case landlockabi.WriteFile:
		return covered(f.Write, p)
	}
	return covered(f.Exec, p)
}

func covered(list []policy.Pattern, p string) bool {
	return slices.ContainsFunc(list, func(e policy.Pattern) bool {
		if !e.Glob {
			return below(p, e.Path)
		}
		return match(strings.Split(e.Path[1:], "/"), strings.Split(p[1:], "/"))
	})
}

// match is the slow way: ** stands for any number of components.
func match(glob, p []string) bool {
	switch {
	case len(glob) == 0:
		return len(p) == 0
	case glob[0] == "**":
		return match(glob[1:], p) || len(p) > 0 && match(glob, p[1:])
	case len(p) == 0:
		return false
	}
	ok, _ := path.Match(glob[0], p[0])
	return ok && match(glob[1:], p[1:])
}

func TestNetwork(t *testing.T) {
	end := func(list ...policy.Endpoint) []policy.Endpoint { return list }
	for _, c := range []struct {
		name    string
		abi     int
		n       policy.Network
		handled landlockabi.Net
		ports   int
		rest    []string
	}{
		{"ports", 10, policy.Network{Connect: end(policy.Endpoint{From: 443, To: 443}, policy.Endpoint{From: 5000, To: 5002})},
			landlockabi.FactsOf(10).Net, 3, nil}, // the third is for datagram sockets that bind themselves
		{"no UDP", 7, policy.Network{Connect: end(policy.Endpoint{From: 443})}, landlockabi.ConnectTCP | landlockabi.BindTCP, 1,
			[]string{"network: connect ", "network: listen "}},
		{"nothing", 7, policy.Network{}, landlockabi.ConnectTCP | landlockabi.BindTCP, 0, nil},
		{"UNIX sockets only", 7, policy.Network{Connect: end(policy.Endpoint{Unix: "/run/x"})}, landlockabi.ConnectTCP | landlockabi.BindTCP, 0,
			[]string{"network: connect unix:/run/x", "network: connect "}},
		{"any port", 10, policy.Network{Connect: end(policy.Endpoint{}), Listen: end(policy.Endpoint{From: 80})},
			landlockabi.BindTCP | landlockabi.BindUDP, 2, nil},
		{"addresses", 10, policy.Network{Connect: end(policy.Endpoint{Prefix: "10.0.0.0/8", From: 5432, To: 5432}, policy.Endpoint{Host: "example.org", From: 443}),
			Listen: end(policy.Endpoint{Prefix: "127.0.0.1/32", From: 1, To: 9}, policy.Endpoint{Host: "h"})}, landlockabi.FactsOf(10).Net, 0,
			[]string{"network: connect 10.0.0.0/8:5432", "network: connect example.org:443", "network: listen 127.0.0.1/32:1-9", "network: listen h:*"}},
		{"UNIX sockets", 10, policy.Network{Connect: end(policy.Endpoint{Unix: "/run/x"}, policy.Endpoint{Abstract: "y"}),
			Listen: end(policy.Endpoint{Unix: "/run/z"}, policy.Endpoint{Abstract: "w"})}, landlockabi.FactsOf(10).Net, 0,
			[]string{"network: connect unix:@y", "network: listen unix:/run/z", "network: listen unix:@w"}},
		{"too many", 10, policy.Network{Listen: end(policy.Endpoint{From: 1, To: 65535}, policy.Endpoint{From: 80})}, landlockabi.FactsOf(10).Net, 1,
			[]string{"network: listen *:1-65535"}},
	} {
		r := FromDocument(&policy.Document{Network: &c.n}, Options{ABI: c.abi})
		if r.Ruleset.HandledNet != c.handled || len(r.Ruleset.Ports) != c.ports || !slices.Equal(rests(r), c.rest) {
			t.Errorf("%s: handled %v, %d ports, rest %q", c.name, r.Ruleset.HandledNet, len(r.Ruleset.Ports), rests(r))
		}
		for _, x := range r.Rest {
			if x.Reason == "" || x.Open && x.Kernel == "" {
				t.Errorf("%s: no reason, or no kernel: %+v", c.name, x)
			}
		}
		if _, _, err := landlockabi.Compile(r.Ruleset, c.abi, landlockabi.Strict); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestUnixAndScopesByABI(t *testing.T) {
	doc := &policy.Document{Network: &policy.Network{Connect: []policy.Endpoint{{Unix: "/run/x"}}}}
	for abi := 4; abi <= landlockabi.Newest; abi++ {
		r := FromDocument(doc, Options{ABI: abi, Signals: true})
		if got := r.Ruleset.HandledFS != 0; got != (abi >= 9) {
			t.Errorf("ABI %d: handles %v", abi, r.Ruleset.HandledFS)
		}
		if got := r.Ruleset.Scopes&landlockabi.AbstractUnix != 0; got != (abi >= 6) {
			t.Errorf("ABI %d: scopes %v", abi, r.Ruleset.Scopes)
		}
		if got := r.Exact(Network); got != (abi >= 9) {
			t.Errorf("ABI %d: exact %v, rest %v", abi, got, rests(r))
		}
	}
	if got, want := paths(FromDocument(doc, Options{ABI: 9})), []string{"/run/x resolve_unix", "/ refer"}; !slices.Equal(got, want) {
		t.Errorf("rules %q, want %q", got, want)
	}
}

// TestGapNames: what is to be guarded must be findable by these names.
func TestGapNames(t *testing.T) {
	doc := &policy.Document{Files: &policy.Files{}, Network: &policy.Network{Connect: []policy.Endpoint{{From: 1}, {Unix: "/x"}}}}
	guards := 0
	for _, g := range FromDocument(doc, Options{ABI: 7}).Gaps {
		if len(g.Calls) == 0 || g.Text == "" {
			t.Errorf("gap %+v", g)
		}
		for _, call := range g.Calls {
			if _, ok := arch.LookupID(call); !ok {
				t.Errorf("no call %s", call)
			}
		}
		for _, guard := range g.Guards {
			guards++
			checkGuard(t, guard)
		}
	}
	if guards < 8 {
		t.Errorf("%d guards", guards)
	}
}

// TestFamilies: only the families of which an endpoint is named can have sockets.
func TestFamilies(t *testing.T) {
	for want, list := range map[string][]policy.Endpoint{
		"AF_NETLINK":                          nil,
		"AF_NETLINK AF_INET AF_INET6":         {{From: 1}},
		"AF_NETLINK AF_UNIX":                  {{Abstract: "x"}},
		"AF_NETLINK AF_UNIX AF_INET AF_INET6": {{Unix: "/x"}, {Host: "h"}},
	} {
		for _, n := range []policy.Network{{Connect: list}, {Listen: list}} {
			gaps := FromDocument(&policy.Document{Network: &n}, Options{ABI: 7}).Gaps
			i := slices.IndexFunc(gaps, func(g Gap) bool { return g.Calls[0] == "socket" })
			if got := strings.Join(gaps[i].Guards[0].Tests[0].Names, " "); got != want {
				t.Errorf("%v: families %s, want %s", list, got, want)
			}
			if supervised := slices.ContainsFunc(gaps, func(g Gap) bool { return len(g.Guards) == 0 }); supervised != strings.Contains(want, "INET") {
				t.Errorf("%v: gaps %+v", list, gaps)
			}
		}
	}
}

func checkGuard(t *testing.T, g Guard) {
	id, _ := arch.LookupID(g.Call)
	s := arch.X86_64.Signature(id)
	if s == nil {
		t.Fatalf("no signature of %s", g.Call)
	}
	for _, test := range g.Tests {
		if s.Index(test.Param) < 0 {
			t.Errorf("%s has no parameter %s", g.Call, test.Param)
		}
		for _, name := range test.Names {
			if _, ok := arch.LookupConst(name, arch.X86_64); !ok && name != "0" {
				t.Errorf("%s: no constant %s", g.Call, name)
			}
		}
	}
}

func FuzzFromDocument(f *testing.F) {
	f.Add("/srv", "/srv/*", "/a/**/b", uint16(1), uint16(9), 7)
	f.Add("", "x", "[", uint16(9), uint16(1), -1)
	f.Fuzz(func(t *testing.T, allow, deny, unix string, from, to uint16, abi int) {
		doc := &policy.Document{Files: &policy.Files{Create: pats(allow, deny), Refuse: pats(deny), Hide: pats(unix)},
			Network: &policy.Network{Connect: []policy.Endpoint{{Unix: unix}, {From: from, To: to}, {Host: allow}}}}
		r := FromDocument(doc, Options{ABI: abi})
		landlockabi.Compile(r.Ruleset, abi, landlockabi.BestEffort) //nolint:errcheck // must not panic
	})
}

func BenchmarkFromDocument(b *testing.B) {
	var read, deny []string
	for i := range 5000 {
		read, deny = append(read, fmt.Sprintf("/srv/%d/data", i)), append(deny, fmt.Sprintf("/srv/%d/keys", i))
	}
	doc := &policy.Document{Files: &policy.Files{Read: pats(read...), Refuse: pats(deny...)}}
	for b.Loop() {
		FromDocument(doc, Options{ABI: 7})
	}
}
