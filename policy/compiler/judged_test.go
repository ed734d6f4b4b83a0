package compiler

import (
	"strings"
	"testing"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/internal/landlockabi"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/policy/callspec"
)

// everything is a supervisor that performs all calls of the classes of files and sockets.
func everything() Options {
	performable := selectCalls("%file,getdents,getdents64,connect,bind,sendto,sendmsg,sendmmsg,!execve,!execveat,!chdir,!chroot,!@mount")
	return Options{Landlock: 7, Range: policy.Range{Performable: performable, Checked: selectCalls("chdir,chroot")}, Watch: selectCalls("umask,execve")}
}

// pathsOf are resolved paths by argument; what is in made does not exist.
type pathsOf struct {
	paths map[int]string
	made  bool
}

func (p pathsOf) Path(arg int) (string, bool) { return p.paths[arg], p.paths[arg] != "" }
func (p pathsOf) Held(int) bool               { return !p.made }
func (p pathsOf) New(int) bool                { return p.made }

func decision(t *testing.T, p *Program, call string, paths pathsOf) policy.Decision {
	t.Helper()
	c, err := callspec.Parse(call, arch.X86_64)
	if err != nil {
		t.Fatal(err)
	}
	return p.Decider(nil).Decide(&policy.Request{Call: c, Paths: paths})
}

func TestJudgedFiles(t *testing.T) {
	p := compiled(t, `default: allow
files:
  read: [/usr, "/etc/*.conf"]
  write: [/data]
  create: [/data/out]
  hide: [/data/keys]
  deny: [/usr/local, "/data/**/*.pem"]
  exec: [/bin]
`, everything())
	for _, c := range []struct {
		call, path string
		made       bool
		verdict    policy.Verdict
		errno      int
	}{
		{`open("x", O_RDONLY)`, "/usr/lib/x", false, policy.Perform, 0},
		{`open("x", O_RDWR)`, "/usr/lib/x", false, policy.Deny, eacces},
		{`open("x", O_RDONLY)`, "/usr/local/x", false, policy.Deny, eacces},
		{`open("x", O_RDONLY)`, "/etc/a.conf", false, policy.Perform, 0},
		{`open("x", O_RDONLY)`, "/etc/shadow", false, policy.Deny, eacces},
		{`open("x", O_RDONLY)`, "/data/keys/k", false, policy.Deny, int(enoent)},
		{`open("x", O_WRONLY|O_TRUNC)`, "/data/f", false, policy.Perform, 0},
		{`open("x", O_WRONLY|O_CREAT, 0600)`, "/data/f", false, policy.Perform, 0},
		{`open("x", O_WRONLY|O_CREAT, 0600)`, "/data/f", true, policy.Deny, eacces},
		{`open("x", O_WRONLY|O_CREAT, 0600)`, "/data/out/f", true, policy.Perform, 0},
		{`open("x", O_WRONLY|O_CREAT, 0600)`, "/data/out/f.pem", true, policy.Deny, eacces},
		{`open("x", O_PATH)`, "/root", false, policy.Allow, 0},
		{`open("x", O_PATH)`, "/data/keys", false, policy.Deny, int(enoent)},
		{`open("x", O_PATH)`, "/nothing", true, policy.Perform, 0},
		{`open("x", O_RDONLY)`, "pipe:[7]", false, policy.Perform, 0},
		{`stat("x", 0x1)`, "/root/x", false, policy.Perform, 0},
		{`stat("x", 0x1)`, "/data/keys", false, policy.Deny, int(enoent)},
		{`chmod("x", 0600)`, "/data/f", false, policy.Perform, 0},
		{`chmod("x", 0600)`, "/usr/x", false, policy.Deny, eacces},
		{`chdir("x")`, "/root", false, policy.Allow, 0},
		{`chdir("x")`, "/data/keys", false, policy.Deny, int(enoent)},
		{`mkdir("x", 0700)`, "/data/out/d", true, policy.Perform, 0},
		{`mkdir("x", 0700)`, "/data/d", true, policy.Deny, eacces},
		{`rmdir("x")`, "/data", false, policy.Deny, eacces},
	} {
		got := decision(t, p, c.call, pathsOf{map[int]string{0: c.path}, c.made})
		if got.Verdict != c.verdict || int(got.Errno) != c.errno {
			t.Errorf("%s of %s (new: %v): %v %d, want %v %d", c.call, c.path, c.made, got.Verdict, got.Errno, c.verdict, c.errno)
		}
	}
}

// A listing leaves out what is hidden, also where a rule allows to list.
func TestJudgedListing(t *testing.T) {
	for _, rules := range []string{"", "rules:\n  - {calls: [getdents64], then: allow}\n"} {
		p := compiled(t, "default: deny\nfiles: {read: [/], hide: [/data/keys]}\n"+rules, everything())
		d := decision(t, p, `getdents64(3, 0x1, 100)`, pathsOf{})
		if d.Verdict != policy.Perform || d.Hide == nil || !d.Hide.Hidden([]byte("/data/keys")) || d.Hide.Hidden([]byte("/data/key")) {
			t.Errorf("%q: %+v", rules, d)
		}
	}
}

// A directory that holds something refused by its path stays where it is.
func TestJudgedRename(t *testing.T) {
	for name, text := range map[string]string{
		"rule":  "default: allow\nrules:\n  - calls: [rename, open]\n    when: paths.under(\"/a/b/c\")\n    then: deny\n",
		"files": "default: allow\nfiles: {create: [/], hide: [/a/b/c]}\n",
	} {
		p := compiled(t, text, everything())
		for from, want := range map[string]policy.Verdict{"/a": policy.Deny, "/a/b": policy.Deny, "/a/b/c": policy.Deny, "/a/bb": policy.Perform, "/x": policy.Perform} {
			if d := decision(t, p, `rename("x", "y")`, pathsOf{paths: map[int]string{0: from, 1: "/z"}}); d.Verdict != want {
				t.Errorf("%s: rename of %s: %+v", name, from, d)
			}
		}
	}
}

// What gives objects other paths is refused, what cannot be performed too, and what changes a caller is notified.
func TestJudgedCompany(t *testing.T) {
	o := everything()
	p := compiled(t, "default: allow\nrules:\n  - calls: [open, acct]\n    when: paths.under(\"/a\")\n    then: deny\n", o)
	for call, want := range map[string]policy.Verdict{`mount("a", "b", "c", 0, 0)`: policy.Deny, `acct("/b")`: policy.Perform, `umask(0)`: policy.Allow} {
		if d := decision(t, p, call, pathsOf{paths: map[int]string{0: "/b"}}); d.Verdict != want {
			t.Errorf("%s: %+v", call, d)
		}
	}
	o.Performable = selectCalls("open")
	p = compiled(t, "default: allow\nrules:\n  - calls: [open, acct]\n    when: paths.under(\"/a\")\n    then: deny\n", o)
	if d := decision(t, p, `acct("/b")`, pathsOf{paths: map[int]string{0: "/b"}}); d.Verdict != policy.Deny || !strings.Contains(d.Reason, "perform") {
		t.Errorf("acct: %+v", d)
	}
	if !p.Performs {
		t.Error("the program does not say that it performs")
	}
}

func TestJudgedAddresses(t *testing.T) {
	p := compiled(t, `default: allow
network:
  connect: ["10.0.0.0/8:80-90", "[fd00::/8]:443", "unix:/run/x.sock", "unix:@name"]
  listen: ["127.0.0.1:8080"]
`, everything())
	for call, want := range map[string]policy.Verdict{
		`connect(3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("10.1.2.3")}, 16)`:         policy.Perform,
		`connect(3, {sa_family=AF_INET, sin_port=htons(91), sin_addr=inet_addr("10.1.2.3")}, 16)`:         policy.Deny,
		`connect(3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("11.1.2.3")}, 16)`:         policy.Deny,
		`connect(3, {sa_family=AF_UNIX, sun_path="/var/run/x.sock"}, 110)`:                                policy.Perform,
		`connect(3, {sa_family=AF_UNIX, sun_path=@"name"}, 7)`:                                            policy.Perform,
		`connect(3, {sa_family=AF_UNIX, sun_path=@"other"}, 8)`:                                           policy.Deny,
		`bind(3, {sa_family=AF_INET, sin_port=htons(8080), sin_addr=inet_addr("127.0.0.1")}, 16)`:         policy.Perform,
		`bind(3, {sa_family=AF_INET, sin_port=htons(8080), sin_addr=inet_addr("0.0.0.0")}, 16)`:           policy.Deny,
		`sendto(3, "x", 1, 0, {sa_family=AF_INET, sin_port=htons(1), sin_addr=inet_addr("1.1.1.1")}, 16)`: policy.Deny,
	} {
		d := decision(t, p, call, pathsOf{paths: map[int]string{1: "/run/x.sock"}})
		if d.Verdict != want {
			t.Errorf("%s: %+v", call, d)
		}
	}
}

// Where something is refused inside of what may be executed, Landlock gets what lies beside it.
func TestJudgedExecution(t *testing.T) {
	o := everything()
	o.List = func(dir string) []string {
		return map[string][]string{"/": {"bin", "work"}, "/work": {"a", "keys", "b"}}[dir]
	}
	p := compiled(t, "default: allow\nfiles: {read: [/], exec: [/], hide: [/work/keys]}\n", o)
	var got []string
	for _, r := range p.Landlock.Ruleset.Paths {
		if r.Allow&landlockabi.Execute != 0 {
			got = append(got, r.Path)
		}
	}
	if strings.Join(got, " ") != "/bin /work/a /work/b" || len(p.Warnings) == 0 {
		t.Errorf("may be executed: %q; %v", got, p.Warnings)
	}
}

// What lies beside cannot stand for everything: globs may refuse anything, and what is refused itself has nothing beside.
func TestJudgedExecutionRefused(t *testing.T) {
	o := everything()
	o.List = func(string) []string { return []string{"a"} }
	for _, files := range []string{
		"{read: [/], exec: [/usr], hide: [/usr/keys], deny: ['/usr/**/*.so']}",
		"{read: [/], exec: ['/usr/*/bin'], hide: [/srv]}",
		"{read: [/], exec: [/srv/bin], hide: [/srv]}",
		"{read: [/], exec: [/srv], deny: [/srv]}",
	} {
		if _, err := Compile(load(t, "default: allow\nfiles: "+files+"\n"), o); err == nil {
			t.Errorf("%s compiles", files)
		}
	}
}

// TestPerformedStaysInside: what the supervisor performs is not under Landlock, so the lists bound it.
func TestPerformedStaysInside(t *testing.T) {
	for text, calls := range map[string]map[string]policy.Verdict{
		`default: allow
files: {read: [/etc, /usr], create: [/tmp/mine], exec: [/]}
rules:
  - {calls: [open, openat], when: pathname.under("/etc/ssl"), then: {deny: ENOENT}}
  - {calls: [mkdir, mkdirat], then: perform}
`: {
			`openat(AT_FDCWD, "/etc/ssl/key", O_RDONLY)`:      policy.Deny,
			`openat(AT_FDCWD, "/etc/passwd", O_RDONLY)`:       policy.Perform,
			`openat(AT_FDCWD, "/etc/passwd", O_WRONLY)`:       policy.Deny,
			`openat(AT_FDCWD, "/root/secret", O_RDONLY)`:      policy.Deny,
			`openat(AT_FDCWD, "/tmp/mine/x", O_RDWR|O_CREAT)`: policy.Perform,
			`mkdir("/tmp/mine/d", 0755)`:                      policy.Perform,
			`mkdir("/root/d", 0755)`:                          policy.Deny,
		},
		`default: allow
network: {connect: [":80"], listen: [":81"]}
rules:
  - {calls: [connect], when: 'addr.ip in cidr("10.0.0.0/8")', then: {deny: ENETUNREACH}}
  - {calls: [bind], then: perform}
`: {
			`connect(3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("10.0.0.1")}, 16)`: policy.Deny,
			`connect(3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("11.0.0.1")}, 16)`: policy.Perform,
			`connect(3, {sa_family=AF_INET, sin_port=htons(22), sin_addr=inet_addr("11.0.0.1")}, 16)`: policy.Deny,
			`bind(3, {sa_family=AF_INET, sin_port=htons(81), sin_addr=inet_addr("0.0.0.0")}, 16)`:     policy.Perform,
			`bind(3, {sa_family=AF_INET, sin_port=htons(22), sin_addr=inet_addr("0.0.0.0")}, 16)`:     policy.Deny,
		},
	} {
		p := compiled(t, text, everything())
		for call, want := range calls {
			c, err := callspec.Parse(call, arch.X86_64)
			if err != nil {
				t.Fatal(err)
			}
			if got := p.Decider(nil).Decide(&policy.Request{Call: c}); got.Verdict != want {
				t.Errorf("%s: %v by %s, want %v", call, got.Verdict, got.Rule, want)
			}
		}
	}
}
