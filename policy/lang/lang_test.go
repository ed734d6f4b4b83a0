package lang

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
)

// testOptions is an environment that does not depend on the machine. Files are what ReadFile can find.
func testOptions(files map[string]string) Options {
	env := map[string]string{"HOME": "/home/u", "USER": "u", "PGHOST": "10.1.2.3", "EMPTY": "", "BAD": "a\nb", "LATIN": "\xe9"}
	uid := 1000
	return Options{
		Dir: "/jobs", UID: &uid, ABI: arch.X86_64,
		Env: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		ReadFile: func(name string) ([]byte, error) {
			text, ok := files[name]
			if !ok {
				return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.ENOENT}
			}
			return []byte(text), nil
		},
	}
}

func parse(text string) (*policy.Document, error) {
	return Parse("p.yaml", []byte(text), testOptions(nil))
}

func mustParse(t *testing.T, text string) *policy.Document {
	t.Helper()
	d, err := parse(text)
	if err != nil {
		t.Fatalf("%s\n%v", text, err)
	}
	return d
}

func TestDocument(t *testing.T) {
	d := mustParse(t, `version: 1
name: billing
default: {deny: EACCES, quiet: true}
rules:
  - name: terminals
    calls: [ioctl]
    when: op in [TCGETS, TIOCGWINSZ]
    then: allow
  - calls: ["%file", "!@mount", chroot]
    when:
      - paths.under("/etc")  # comment
      - 'caller.uid != 0'
    then: {deny: ENOENT}
    quiet: true
    race: accepted

  - calls: mount
    then: perform
    force: [nosuid, nodev]
  - calls: getpid
    then: {return: 0x10}
  - {calls: "all", then: kill}
`)
	if d.Pos.String() != "p.yaml:1:1" || d.Name != "billing" || d.Default.Errno != syscall.EACCES || !d.Default.Quiet {
		t.Errorf("document %+v", d)
	}
	if len(d.Rules) != 5 || len(d.Sources) != 1 || len(d.Sources[0].SHA256) != 64 {
		t.Fatalf("%d rules, sources %v", len(d.Rules), d.Sources)
	}
	r := d.Rules
	if r[0].Name != "terminals" || r[0].Pos.String() != "p.yaml:5:5" || r[0].When.Pos.String() != "p.yaml:7:11" {
		t.Errorf("rule 0: %+v", r[0])
	}
	mount, _ := arch.LookupID("mount")
	chroot, _ := arch.LookupID("chroot")
	if r[1].Name != "p.yaml:9" || !r[1].Race || !r[1].Then.Quiet || r[1].Calls.Has(mount) || !r[1].Calls.Has(chroot) {
		t.Errorf("rule 1: %+v", r[1])
	}
	if want := "(paths.under(\"/etc\"))\n     && (caller.uid != 0)"; r[1].When.Text != want || r[1].When.Pos.String() != "p.yaml:11:8" {
		t.Errorf("rule 1 when %q at %v", r[1].When.Text, r[1].When.Pos)
	}
	if want := "calls: mount\nthen: perform\nforce: [nosuid, nodev]"; r[2].Source != want || r[2].Grant.Force != 6 {
		t.Errorf("rule 2 source %q", r[2].Source)
	}
	if r[3].Then.Verdict != policy.Return || r[3].Then.Value != 16 || r[4].Then.Verdict != policy.Kill {
		t.Errorf("rules 3, 4: %+v %+v", r[3].Then, r[4].Then)
	}
}

// The column of a name in a condition is what it is in the file, in every style of YAML.
func TestConditionPositions(t *testing.T) {
	for _, when := range []string{
		"when: X", "when: 'X'", `when: "X"`, "when: |\n      X", "when: |\n      1 == 1 &&\n        X", "when: |\n\n      X", "when: >\n      X",
		"when: [X]", "when: ['1 == 1', X]", "when:\n      - 1 == 1\n      - X", "when:\n      - '1 == 1 // c'\n\n      - 'X'\n      - |\n        2 == 2",
	} {
		text := "version: 1\nrules:\n  - calls: mount\n    then: allow\n    " + when + "\n"
		c := mustParse(t, text).Rules[0].When
		line, column := c.Pos.Line, c.Pos.Column
		before := c.Text[:strings.Index(c.Text, "X")]
		if n := strings.Count(before, "\n"); n > 0 {
			line, column = line+n, 1
			before = before[strings.LastIndex(before, "\n")+1:]
		}
		got := place("p.yaml", []byte(text), strings.Index(text, "X"))
		if column += len(before); line != got.Line || column != got.Column && !strings.HasPrefix(when, "when: ['") {
			t.Errorf("%q: X at %d:%d, is at %v: %q", when, line, column, got, c.Text)
		}
	}
}

func TestShortForms(t *testing.T) {
	d := mustParse(t, `version: 1
vars: {data: "/srv/a*b"}
files:
  read: [/usr/, //lib, "${HOME}/x", "/home/*/.ssh/**", "${data}", "${data}/*.log", '/a\*b', '/a\*b/?', /usr]
  write: /tmp
  deny: []
exec: [/usr/bin]
network: {}
`)
	want := []string{"/usr", "/lib", "/home/u/x", "glob /home/*/.ssh/**", "/srv/a*b", `glob /srv/a\*b/*.log`, "/a*b", `glob /a\*b/?`}
	var got []string
	for _, x := range d.Files.Read {
		got = append(got, map[bool]string{true: "glob "}[x.Glob]+x.Path)
	}
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("read:\n got %q\nwant %q", got, want)
	}
	if len(d.Files.Write) != 1 || d.Files.Refuse != nil || d.Exec.Allow[0].Path != "/usr/bin" || d.Network == nil {
		t.Errorf("%+v", d)
	}
}

func TestEndpoints(t *testing.T) {
	opts := testOptions(nil)
	for text, want := range map[string]policy.Endpoint{
		`"10.0.0.0/8:5432"`:        {Prefix: "10.0.0.0/8", From: 5432, To: 5432},
		`"[::1]:80"`:               {Prefix: "::1/128", From: 80, To: 80},
		`"[fd00::/8]"`:             {Prefix: "fd00::/8"},
		`"Example.org.:443"`:       {Host: "example.org", From: 443, To: 443},
		`"_x.a-b.c:443"`:           {Host: "_x.a-b.c", From: 443, To: 443},
		`":8080"`:                  {From: 8080, To: 8080},
		`"*:443"`:                  {From: 443, To: 443},
		`"*"`:                      {},
		`"1.2.3.4:1000-2000"`:      {Prefix: "1.2.3.4/32", From: 1000, To: 2000},
		`"1.2.3.4:*"`:              {Prefix: "1.2.3.4/32"},
		`10.0.0.0/8`:               {Prefix: "10.0.0.0/8"},
		`unix:/run/x.sock`:         {Unix: "/run/x.sock"},
		`"unix:@name"`:             {Abstract: "name"},
		`'unix:/run/a\*'`:          {Unix: "/run/a*"},
		`"${env:PGHOST}:${port}"`:  {Prefix: "10.1.2.3/32", From: 5432, To: 5432},
		`"${net}:${port}-5440"`:    {Prefix: "10.0.0.0/8", From: 5432, To: 5440},
		`"[${six}]:80"`:            {Prefix: "::2/128", From: 80, To: 80},
		`"unix:${HOME}/a.sock"`:    {Unix: "/home/u/a.sock"},
		`"unix:@${six}"`:           {Abstract: "::2"},
		`"xn--bcher-kva.example:"`: {},
	} {
		y := "version: 1\nvars: {port: 5432, net: 10.0.0.0/8, six: '::2'}\nnetwork:\n  connect:\n    - " + text + "\n"
		d, err := Parse("p.yaml", []byte(y), opts)
		if strings.HasSuffix(text, `:"`) {
			if err == nil {
				t.Errorf("%s: taken", text)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got := d.Network.Connect[0]
		if got.Pos.String() != "p.yaml:5:7" {
			t.Errorf("%s: at %v", text, got.Pos)
		}
		if got.Pos = (policy.Pos{}); got != want {
			t.Errorf("%s: %+v, want %+v", text, got, want)
		}
	}
}

func TestMerge(t *testing.T) {
	files := map[string]string{
		"/jobs/a.yaml": "version: 1\nname: a\ninclude: [inc/b.yaml, preset:base]\ndefault: kill\nvars: {x: /from/a}\nrules: [{calls: read, then: allow}]\n" +
			"files: {read: [/a], write: [/w]}\n",
		"/jobs/inc/b.yaml": "version: 1\nname: b\ninclude: [c.yaml]\ndefault: allow\nvars: {x: /from/b, y: '${x}/y'}\n" +
			"rules: [{calls: write, then: allow}]\nfiles: {read: ['${y}', /a]}\n",
		"/jobs/inc/c.yaml": "version: 1\nrules: [{calls: open, then: allow}]\nnetwork: {connect: [':1']}\n",
		"/jobs/d.yaml":     "version: 1\ninclude: inc/c.yaml\nrules: [{calls: close, then: log}]\n",
	}
	o := testOptions(files)
	o.Files = []string{"a.yaml", "d.yaml"}
	d, err := Load(o)
	if err != nil {
		t.Fatal(err)
	}
	var rules []string
	for _, r := range d.Rules[:3] {
		rules = append(rules, r.Name)
	}
	rules = append(rules, d.Rules[len(d.Rules)-1].Name)
	if got := strings.Join(rules, " "); got != "a.yaml:6 inc/b.yaml:6 inc/c.yaml:2 d.yaml:3" {
		t.Errorf("rules in the order %s", got)
	}
	if d.Name != "a" || d.Default.Verdict != policy.Kill || d.Files.Read[0].Path != "/a" || d.Files.Read[1].Path != "/from/a/y" {
		t.Errorf("%+v %+v", d, d.Files.Read)
	}
	if len(d.Sources) != 5 || d.Sources[3].Name != "preset:base" || d.Sources[4].Name != "d.yaml" {
		t.Errorf("sources %v", d.Sources)
	}
	o.Set = map[string]string{"x": "/set", "HOME": "/root"}
	if d, err = Load(o); err != nil || d.Files.Read[1].Path != "/set/y" {
		t.Errorf("--set: %v %v", d.Files.Read, err)
	}
}

// A preset asked for on the command line comes after the files, and its default gives way.
func TestPresetOption(t *testing.T) {
	o := testOptions(nil)
	o.Presets = []string{"build"}
	d, err := Parse("p.yaml", []byte("version: 1\ndefault: deny\nrules: [{calls: read, then: allow}]\n"), o)
	if err != nil {
		t.Fatal(err)
	}
	if d.Default.Verdict != policy.Deny || d.Rules[0].Pos.File != "p.yaml" || d.Rules[1].Pos.File != "preset:build" {
		t.Errorf("%+v", d)
	}
	if _, err := Load(testOptions(nil)); err == nil || err.Error() != "no policy: name a file or a preset" {
		t.Errorf("nothing to read: %v", err)
	}
}

// What is not said denies.
func TestNoDefaultDenies(t *testing.T) {
	if d := mustParse(t, "version: 1\n"); d.Default.Verdict != policy.Deny || d.Files != nil || d.Network != nil || d.Exec != nil {
		t.Errorf("%+v", d)
	}
}

func TestExpandCEL(t *testing.T) {
	vars := map[string]string{"d": `/srv/a"b'c\d*`, "n": "5", "up": "/a/../b", "q": `x") || true || ("`}
	look := func(name string) (string, bool, error) {
		v, ok := vars[name]
		if !ok {
			return "", false, errors.New("no " + name)
		}
		return v, name == "n", nil
	}
	for _, c := range [][2]string{
		{`p.under("${d}")`, `p.under("/srv/a\"b\'c\\d*")`},
		{`p.under(${d})`, `p.under("/srv/a\"b\'c\\d*")`},
		{`p.under('${d}/x')`, `p.under('/srv/a\"b\'c\\d*/x')`},
		{`p.under("""${d}""")`, `p.under("""/srv/a\"b\'c\\d*""")`},
		{`p.matches("${d}/*")`, `p.matches("/srv/a\"b\'c\\\\d\\*/*")`},
		{`p.matches ( ("/" + ${d}) )`, `p.matches ( ("/" + "/srv/a\"b\'c\\\\d\\*") )`},
		{`matches == ${d}`, `matches == "/srv/a\"b\'c\\d*"`},
		{`uid == ${n} && s == "${n}"`, `uid == 5 && s == "5"`},
		{`s.matches(${n})`, `s.matches("5")`},
		{`s == "${q}"`, `s == "x\") || true || (\""`},
		{`s == r"a\${n}"`, `s == r"a\5"`},
		{`s == "a$$b" // $$ ${none}`, `s == "a$b" // $$ ${none}`},
		{`s.matches("^x$")`, `s.matches("^x$")`},
		{`s == r"${d}"`, "ERR the value \"/srv/a\\\"b'c\\\\d*\" has a quote, which a raw string cannot hold: write the string without r"},
		{`s == ${up}`, `ERR the value of ${up} climbs with "..": "/a/../b": give the path without`},
		{`s == "${none}"`, "ERR no none"},
		{`s.matches("/[${n}]")`, `ERR "${n}]\")": in [ and ] of a pattern stand the characters themselves, without variables`},
		{`s == "$n"`, "ERR $n: write ${n} for the variable, or $$n for a dollar"},
		{`s == "${n`, `ERR "${n": ${ is never closed: write ${NAME}, or $$ for a dollar`},
		{`"${n}`, `"5`},
		{`"\`, `"\`},
		{`$`, `$`},
	} {
		got, err := expandCEL(c[0], look)
		if err != nil {
			got = "ERR " + err.Error()
		}
		if got != c[1] {
			t.Errorf("%s\n got %s\nwant %s", c[0], got, c[1])
		}
	}
}

func TestReadFileBounds(t *testing.T) {
	dir := t.TempDir()
	good := filepath.Join(dir, "good.yaml")
	if err := os.WriteFile(good, []byte("version: 1\nfiles: {read: ['${CWD}']}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := Load(Options{Files: []string{"good.yaml"}, Dir: dir})
	if err != nil || d.Files.Read[0].Path != dir {
		t.Fatalf("%v %v", d, err)
	}
	for name, want := range map[string]string{
		"/dev/zero": "/dev/zero: larger than 1024 KiB: split the policy with `include`",
		dir:         "read policy " + dir + ": is a directory",
		dir + "/no": "read policy " + dir + "/no: no such file or directory",
	} {
		if _, err := Load(Options{Files: []string{name}}); err == nil || err.Error() != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestManyErrors(t *testing.T) {
	var b strings.Builder
	b.WriteString("version: 1\nrules:\n")
	for i := range 1000 {
		fmt.Fprintf(&b, "  - {calls: opn%d, then: alow}\n", i)
	}
	_, err := parse(b.String())
	if n := strings.Count(err.Error(), "\n"); n != maxErrors || !strings.HasSuffix(err.Error(), "and more errors, which are not shown") {
		t.Errorf("%d lines: %v", n, err)
	}
	var e *Error
	if !errors.As(err, &e) || e.Pos.Line != 3 {
		t.Errorf("%#v", e)
	}
}
