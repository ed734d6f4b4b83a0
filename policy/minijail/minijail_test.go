package minijail

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/policy/cond"
)

func brief(d *policy.Document) string {
	var b strings.Builder
	act := func(a policy.Action) string { return fmt.Sprintf("%s %d %d", a.Verdict, a.Errno, a.Value) }
	fmt.Fprintln(&b, act(d.Default))
	for _, r := range d.Rules {
		if r.Name == "other ABIs" {
			continue
		}
		fmt.Fprintf(&b, "%d: %s [%s] %s\n", r.Pos.Line, r.Calls, r.When.Text, act(r.Then))
	}
	return b.String()
}

func TestImport(t *testing.T) {
	for name, c := range map[string]struct {
		text, want string
		o          Options
	}{
		"plain": {text: "# a comment\nread: 1\nwrite: allow # another\n\nopenat: return ENOENT\nexit: kill\nfork: return 0\n",
			want: "kill 0 0\n2: read [] allow 0 0\n3: write [] allow 0 0\n5: openat [] deny 2 0\n6: exit [] kill 0 0\n7: fork [] return 0 0\n"},
		"expressions": {text: "mmap: arg2 in ~PROT_EXEC || arg2 in ~PROT_WRITE\nioctl: arg1 == TCGETS && arg0 != 0x2\nsocket: arg0 == AF_UNIX || arg0 == 2\n" +
			"open: arg1 & (O_WRONLY | O_RDWR)\nlseek: arg2 <= 010\numask: arg0 == -1\n",
			want: "kill 0 0\n1: mmap [!prot.any(\"PROT_EXEC\") || !prot.any(\"PROT_WRITE\")] allow 0 0\n2: ioctl [op == TCGETS && fd != 2] allow 0 0\n" +
				"3: socket [domain == AF_UNIX || domain == AF_INET] allow 0 0\n4: open [!flags.only(0xfffffffc)] allow 0 0\n" +
				"5: lseek [whence <= 8] allow 0 0\n6: umask [mask == 0xffffffff] allow 0 0\n"},
		"else": {text: "ioctl: arg1 == 1; return EPERM\n", want: "kill 0 0\n1: ioctl [op == FIBMAP] allow 0 0\n1: ioctl [] deny 1 0\n"},
		"then, to the compiler": {text: "ioctl: arg1 == 1; return EPERM\n", o: Options{Compiler: true},
			want: "kill 0 0\n1: ioctl [op == FIBMAP] deny 1 0\n"},
		"braces": {text: "{read, write[arch=x86_64], mlock[arch=arm]}: { arg0 == 0; return 9, \\\n arg0 == 1; log, 1 }\n",
			want: "kill 0 0\n1: read,write [fd == 0] deny 9 0\n2: read,write [fd == 1] log 0 0\n2: read,write [] allow 0 0\n"},
		"default": {text: "@default trap\n@frequency ./x.frequency\nread: user-notify\n", want: "kill 0 0\n3: read [] ask 0 0\n"},
		"denylist": {text: "@denylist\nmount: return EPERM\nsocket: arg0 == 38; return 97\n",
			want: "allow 0 0\n2: mount [] deny 1 0\n3: socket [domain == AF_ALG] deny 97 0\n"},
		"what has no words": {text: "read: { arg1 == 8; return EPERM, 1 }\nwrite: { arg1 == 8; kill, 1 }\ngetpid: { arg0 == 8; log, 1 }\n",
			want: "kill 0 0\n1: read [] kill 0 0\n1: read [] allow 0 0\n2: write [] kill 0 0\n2: write [] allow 0 0\n3: getpid [] allow 0 0\n"},
		"spread over lines": {text: "kill: arg1 == 9\nkill: arg1 == 15\nkill: return EPERM\n",
			want: "kill 0 0\n1: kill [sig == 9] allow 0 0\n2: kill [sig == 15] allow 0 0\n3: kill [] deny 1 0\n"},
	} {
		c.o.Arch = arch.X86_64
		d, _, err := Import(strings.NewReader(c.text), c.o)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := brief(d); got != strings.ReplaceAll(c.want, "op == 0x1]", "op == 1]") {
			t.Errorf("%s: got\n%swant\n%s", name, got, c.want)
		}
	}
}

func TestIncludes(t *testing.T) {
	files := map[string]string{"/etc/jail/base.policy": "read: 1\n@include ./more/x.policy\n", "/etc/jail/more/x.policy": "write: 1\n",
		"/etc/jail/loop.policy": "@include /etc/jail/loop.policy\n", "/etc/jail/bad.policy": "read: 1\nwrit: 1\n"}
	read := func(name string) ([]byte, error) {
		if text, ok := files[name]; ok {
			return []byte(text), nil
		}
		return nil, fmt.Errorf("open %s: %w", name, fs.ErrNotExist)
	}
	o := Options{Name: "/etc/jail/main.policy", ReadFile: read, Arch: arch.X86_64}
	d, _, err := Import(strings.NewReader("@include ./base.policy\nclose: 1\n"), o)
	if err != nil {
		t.Fatal(err)
	}
	if want := "kill 0 0\n1: read [] allow 0 0\n1: write [] allow 0 0\n2: close [] allow 0 0\n"; brief(d) != want {
		t.Errorf("got %s", brief(d))
	}
	if d.Rules[2].Pos.String() != "/etc/jail/more/x.policy:1:1" {
		t.Errorf("position %s", d.Rules[2].Pos)
	}
	for text, want := range map[string]string{
		"@include ./no.policy":   "/etc/jail/main.policy:1:10: include: open /etc/jail/no.policy: file does not exist",
		"@include no.policy":     "/etc/jail/main.policy:1:12: unexpected character '.'",
		"@include ./loop.policy": "/etc/jail/loop.policy:1:10: /etc/jail/loop.policy includes itself",
		"@include ./bad.policy":  "/etc/jail/bad.policy:2:1: unknown call \"writ\": did you mean write?",
	} {
		if _, _, err := Import(strings.NewReader(text), o); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
	o.ReadFile = nil
	if _, _, err := Import(strings.NewReader("@include ./x"), o); !errors.Is(err, errIncludesOff) {
		t.Errorf("without a reader: %v", err)
	}
}

func TestErrors(t *testing.T) {
	for text, want := range map[string]string{
		"read":               "policy:1:5: : expected, found the end of the line",
		"read: ":             "policy:1:6: an action expected, found the end of the line",
		"read: 2":            `policy:1:7: an action expected, found "2"; known are allow,`,
		"reed: 1":            `policy:1:1: unknown call "reed": did you mean read?`,
		"read: arg6 == 1":    "policy:1:7: arg6: calls have arg0 to arg5",
		"read: arg0 = 1":     `policy:1:12: an operator expected, found "="; known are`,
		"read: arg0 == FOO":  "policy:1:15: unknown constant FOO: give its number",
		"read: arg0 == 08":   "policy:1:15: 08 is not a number of 64 bits",
		"read: arg0 == 1_0":  "policy:1:15: 1_0 is not a number of 64 bits",
		"read: arg0 == (1":   "policy:1:17: ) expected, found the end of the line",
		"read: arg0 == 1 &&": "policy:1:19: arg0 to arg5 expected, found the end of the line",
		"read: arg0 == " + strings.Repeat("(", 50) + "1": "policy:1:26: parentheses nested more than 10 deep",
		"read: 1 1":                `policy:1:9: unexpected "1" after the statement`,
		"read: return EFOO":        "policy:1:14: unknown constant EFOO: give its number",
		"read: return 5000":        "policy:1:14: error number 5000 is larger than 4095",
		"read: {1":                 "policy:1:9: } expected, found the end of the line",
		"read: 1\nread: 1":         "policy:2:1: read is decided already, at policy:1:1: remove one of the two",
		"@default allow":           "policy:1:10: the default cannot be allow: kill, trap or user-notify",
		"@foo":                     "policy:1:1: unknown @foo; known are",
		"@denylist\nread: 1":       "policy:2:1: a @denylist allows what it does not name",
		"f@basic: 1":               "policy:1:1: f@basic is a group of the compiler's own tables",
		"read[arch=z80]: 1":        `policy:1:11: find ABI "z80": unknown`,
		"read[os=linux]: 1":        `policy:1:6: unknown condition "os": only arch= is known`,
		"read: $":                  `policy:1:7: unexpected character '$'`,
		"all: 1":                   `policy:1:1: "all" is not the name of a call`,
		strings.Repeat("x", 2<<20): "read policy: more than 262144 bytes in all",
	} {
		_, _, err := Import(strings.NewReader(text), Options{Arch: arch.X86_64})
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%.40q: got %v, want %s", text, err, want)
		}
	}
}

func TestWarnings(t *testing.T) {
	_, warnings, err := Import(strings.NewReader("ioctl: arg1 == 1; return 1\nmkdir: arg1 == 1; return 1\nfork: kill-thread\nread: arg1 == 8\nmmap2: 1\n"),
		Options{Arch: arch.X86_64})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"policy:1:19: read as minijail0 does:", "policy:3:7: kill-thread: the whole process",
		"policy:5:1: mmap2 does not exist on x86_64", "policy:4:1: read on x86_64: argument 1: buf: the parameter is a pointer"}
	if len(warnings) != len(want) {
		t.Fatalf("warnings are %v", warnings)
	}
	for i, w := range warnings {
		if !strings.HasPrefix(w.String(), want[i]) {
			t.Errorf("got %s, want %s", w, want[i])
		}
	}
}

// FuzzImport: nothing panics, and what is imported means something.
func FuzzImport(f *testing.F) {
	f.Add("read: 1\nmmap: arg2 in ~PROT_EXEC || arg2 in ~PROT_WRITE\n@include ./x\n")
	f.Add("{read, write[arch=x86_64]}: { arg0 == 0; return 9, \\\n arg0 & 0xff; log, 1 }\n@default trap\n")
	f.Add("@denylist\nsocket: arg0 == 38 && arg1 >= 0xffffffff; return EPERM")
	f.Fuzz(func(t *testing.T, text string) {
		read := func(string) ([]byte, error) { return []byte(text), nil }
		d, _, err := Import(strings.NewReader(text), Options{Arch: arch.X86_64, ReadFile: read})
		if err != nil || len(d.Rules) > 50 {
			return
		}
		for _, r := range d.Rules {
			if len(r.When.Text) > 4096 || r.Calls.Len() > 20 {
				continue
			}
			src, err := cond.Parse(r.When)
			if err != nil {
				t.Fatalf("%s: %v", r.When.Text, err)
			}
			for _, id := range r.Calls.IDs() {
				if _, err := src.Bind(arch.X86_64, id); err != nil && !strings.Contains(err.Error(), "never hold") {
					t.Fatalf("%s: %v", r.When.Text, err)
				}
			}
		}
	})
}
