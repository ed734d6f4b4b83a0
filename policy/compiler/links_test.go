package compiler

import (
	"path"
	"strings"
	"testing"

	"github.com/stead-project/stead/policy"
)

// linked is a machine on which /link and /bin lead to /real and /usr/bin.
func linked() Options {
	o := everything()
	o.List = func(string) []string { return nil }
	o.Resolve = func(at string) string {
		for link, to := range map[string]string{"/link": "/real*", "/bin": "/usr/bin"} {
			if rest, ok := strings.CutPrefix(at, link); ok && (rest == "" || rest[0] == '/') {
				return path.Join(to, rest)
			}
		}
		return at
	}
	return o
}

// What is denied is denied by whatever links it, or what is allowed, is written with.
func TestDeniedByLink(t *testing.T) {
	for text, at := range map[string]string{
		`files: {read: ["/real\\*"], deny: [/link/keys]}`:                               "/real*/keys/k",
		`files: {read: [/link], deny: ["/real\\*/keys"]}`:                               "/real*/keys/k",
		`files: {read: ["/real\\*"], deny: ["/link/k?ys"]}`:                             "/real*/keys/k",
		`files: {read: ["/real\\*"], hide: ["/link/k*s/k"]}`:                            "/real*/keys/k",
		`files: {read: [/usr], deny: [/bin/su]}`:                                        "/usr/bin/su",
		`files: {read: [/etc], exec: [/usr/bin], deny: [/bin/su]}`:                      "/usr/bin/su",
		`rules: [{calls: [open], when: 'pathname.matches("/link/k*/**")', then: deny}]`: "/real*/keys/k",
	} {
		p := compiled(t, "default: allow\n"+text+"\n", linked())
		if d := decision(t, p, `open("x", O_RDONLY)`, pathsOf{paths: map[int]string{0: at}}); d.Verdict != policy.Deny {
			t.Errorf("%s: open of %s: %v", text, at, d.Verdict)
		}
	}
	p := compiled(t, "default: allow\nfiles: {read: [/usr, /etc], deny: [/real/keys, /link/keys]}\n", linked())
	if p.Performs {
		t.Error("nothing is denied in what is allowed, and calls are performed")
	}
}

// Landlock bounds what it is asked to, and reaches what links in its paths lead to: only then may the kernel run a call whose path a rule
// has looked at.
func TestBoundedAsFarAsLandlockGoes(t *testing.T) {
	const rule = "rules: [{calls: [open], when: 'pathname.under(\"/real*/keys\")', then: deny}]\n"
	for _, c := range []struct {
		files string
		abi   int
		want  policy.Verdict
	}{
		{"files: {read: [/usr]}\n", 7, policy.Allow}, {"files: {read: [/link]}\n", 7, policy.Perform}, {"files: {read: [/usr]}\n", 0, policy.Perform},
		{"files: {read: [/usr]}\n", 2, policy.Perform},
	} {
		o := linked()
		o.Landlock, o.BestEffort = c.abi, true
		p := compiled(t, "default: allow\n"+c.files+rule, o)
		at := map[bool]string{true: "/usr/x", false: "/real*/x"}[strings.Contains(c.files, "/usr")]
		if d := decision(t, p, `open("x", O_RDONLY)`, pathsOf{paths: map[int]string{0: at}}); d.Verdict != c.want {
			t.Errorf("%s with Landlock ABI %d: %v", c.files, c.abi, d.Verdict)
		}
	}
}

// A glob that hides or denies a directory takes what is below with it.
func TestRefusingGlobsGoBelow(t *testing.T) {
	p := compiled(t, "default: allow\nfiles: {create: [/], hide: ['/home/*/.ssh'], deny: ['/srv/*.d']}\n", everything())
	for at, want := range map[string]policy.Verdict{
		"/home/u/.ssh": policy.Deny, "/home/u/.ssh/id": policy.Deny, "/home/u/.ssh/a/b": policy.Deny, "/home/u/.sshd": policy.Perform,
		"/srv/a.d/x": policy.Deny, "/srv/a.e/x": policy.Perform,
	} {
		if d := decision(t, p, `open("x", O_RDONLY)`, pathsOf{paths: map[int]string{0: at}}); d.Verdict != want {
			t.Errorf("open of %s: %v", at, d.Verdict)
		}
	}
	if d := decision(t, p, `getdents64(3, 0x1, 100)`, pathsOf{}); !d.Hide.Hidden([]byte("/home/u/.ssh/id")) {
		t.Error("a listing shows what is below a hidden directory")
	}
}

// What a glob may refuse below a directory, it refuses wherever the directory is moved to, or the program has to copy.
func TestMovedAwayFromGlobs(t *testing.T) {
	for _, text := range []string{
		"files: {create: [/], hide: ['/home/*/.ssh'], deny: ['/p/**/*.pem']}\n",
		"rules: [{calls: [open, 'rename*'], when: 'paths.matches([\"/home/*/.ssh\", \"/home/*/.ssh/**\", \"/p/**/*.pem\"])', then: {deny: EACCES}}]\n",
	} {
		p := compiled(t, "default: allow\n"+text, everything())
		for _, c := range []struct {
			call, from, to string
			errno          int
		}{
			{`rename("x", "y")`, "/home/u", "/tmp/u", 18}, {`rename("x", "y")`, "/home/u", "/home/v", 0}, {`rename("x", "y")`, "/home/u/x", "/tmp/x", 0},
			{`rename("x", "y")`, "/p/a", "/tmp/a", 18}, {`rename("x", "y")`, "/p/a", "/p/b/c", 0}, {`rename("x", "y")`, "/tmp/a", "/p/a", 0},
			{`renameat2(5, "x", 5, "y", RENAME_EXCHANGE)`, "/tmp/a", "/p/a", 18}, {`rename("x", "y")`, "/home", "/tmp/h", 18},
			{`rename("x", "y")`, "/home/u/.ssh", "/tmp/s", -1},
		} {
			at := map[int]string{0: c.from, 1: c.to}
			if strings.HasPrefix(c.call, "renameat2") {
				at = map[int]string{1: c.from, 3: c.to}
			}
			want := policy.Deny
			if c.errno == 0 {
				want = policy.Perform
			}
			d := decision(t, p, c.call, pathsOf{paths: at})
			if d.Verdict != want || c.errno > 0 && int(d.Errno) != c.errno {
				t.Errorf("%s%s of %s to %s: %v %d", text, c.call, c.from, c.to, d.Verdict, d.Errno)
			}
		}
	}
}

// A rule that allows calls whatever they reach allows no more where the supervisor judges a short form than where Landlock does. One that
// looks at paths or addresses is an exception that somebody has written.
func TestRulesStayInside(t *testing.T) {
	const files = "files: {read: [/usr], create: [/data], hide: [/usr/x], exec: [/bin]}\nnetwork: {connect: ['10.0.0.1:80']}\n"
	for _, c := range []struct {
		rule, call, at string
		want           policy.Verdict
	}{
		{"{calls: [open], then: allow}", `open("x", O_RDONLY)`, "/etc/shadow", policy.Deny}, {"{calls: [open], then: allow}", `open("x", O_RDONLY)`, "/usr/x", policy.Deny},
		{"{calls: [open], then: allow}", `open("x", O_RDONLY)`, "/usr/y", policy.Perform}, {"{calls: [open], then: perform}", `open("x", O_RDONLY)`, "/etc/shadow", policy.Deny},
		{"{calls: [open], when: 'mode == 0', then: log}", `open("x", O_RDONLY)`, "/etc/shadow", policy.Deny},
		{"{calls: [open], when: 'pathname == \"/etc/shadow\"', then: allow}", `open("x", O_RDONLY)`, "/etc/shadow", policy.Perform},
		{"{calls: [chmod, stat], then: allow}", `chmod("x", 0600)`, "/etc/shadow", policy.Perform}, {"{calls: [chmod, stat], then: allow}", `stat("x", 0x1)`, "/usr/x", policy.Deny},
		{"{calls: [chdir], then: allow}", `chdir("x")`, "/usr/x", policy.Deny}, {"{calls: [chdir], then: allow}", `chdir("x")`, "/etc", policy.Allow},
		{"{calls: [connect], then: allow}", `connect(3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("10.0.0.2")}, 16)`, "", policy.Deny},
		{"{calls: [connect], then: allow}", `connect(3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("10.0.0.1")}, 16)`, "", policy.Perform},
		{"{calls: [open], then: {deny: ENOSYS}}", `open("x", O_RDONLY)`, "/usr/y", policy.Deny},
	} {
		for _, handed := range []bool{false, true} {
			o := everything()
			o.Handed = handed
			text := files
			if handed {
				text = strings.Replace(text, "exec: [/bin]", "exec: [/]", 1)
			}
			p := compiled(t, "default: allow\n"+text+"rules: ["+c.rule+"]\n", o)
			if d := decision(t, p, c.call, pathsOf{paths: map[int]string{0: c.at}}); d.Verdict != c.want {
				t.Errorf("%s, handed %v: %s of %s: %v", c.rule, handed, c.call, c.at, d.Verdict)
			}
		}
	}
}
