package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stead-project/stead/internal/testneed"
	"github.com/stead-project/stead/unotify/landlock"
)

// needLandlock skips where the kernel cannot enforce files: and network:.
func needLandlock(t *testing.T) {
	t.Helper()
	if abi, err := landlock.ABI(); err != nil || abi < 6 {
		testneed.Missing(t, "needs Landlock ABI 6 (ports and scopes): %d, %v", abi, err)
	}
}

// A user runs programs: root, or somebody without privilege.
type user struct {
	name string
	argv []string // in front of the command
	id   int
}

// users are who the tests can run programs as: this user, and nobody, if this is root.
func users(t *testing.T) []user {
	t.Helper()
	if os.Getuid() != 0 {
		return []user{{"user", nil, os.Getuid()}}
	}
	testneed.Programs(t, "setpriv")
	return []user{{"root", nil, 0}, {"nobody", []string{"setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"}, 65534}}
}

// A desk is a directory that a user may write, with the command in reach of that user, and a directory beside it.
type desk struct {
	user
	stead, dir, beside string
}

func (u user) desk(t *testing.T) *desk {
	t.Helper()
	d := &desk{user: u}
	root := t.TempDir()
	for _, path := range []string{root, filepath.Dir(root)} {
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for i, path := range []*string{&d.dir, &d.beside} {
		*path = filepath.Join(root, fmt.Sprintf("d%d", i))
		if err := os.Mkdir(*path, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(*path, u.id, u.id); err != nil {
			t.Fatal(err)
		}
	}
	d.stead = filepath.Join(root, "stead")
	text, err := os.ReadFile(stead(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(d.stead, text, 0o755); err != nil {
		t.Fatal(err)
	}
	return d
}

// eachUser runs a test as every user.
func eachUser(t *testing.T, test func(*testing.T, *desk)) {
	t.Helper()
	for _, u := range users(t) {
		t.Run(u.name, func(t *testing.T) { test(t, u.desk(t)) })
	}
}

// write makes a file of the desk and returns its path.
func (d *desk) write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(d.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(path, d.id, d.id); err != nil {
		t.Fatal(err)
	}
	return path
}

// do runs stead with arguments.
func (d *desk) do(t *testing.T, args ...string) result {
	t.Helper()
	return command{argv: append(append(append([]string{}, d.argv...), d.stead), args...), dir: d.dir}.run(t)
}

// under runs a program under a policy, with flags of stead run before it.
func (d *desk) under(t *testing.T, policy, flags string, argv ...string) result {
	t.Helper()
	path := d.write(t, "policy.yaml", "version: 1\nname: test\n"+policy)
	return d.do(t, append(append([]string{"run", "--policy", path}, strings.Fields(flags)...), append([]string{"--"}, argv...)...)...)
}

// A presetCase is a shell script under a preset.
type presetCase struct {
	flags  string
	script string
	code   int
	stdout string // the whole
	stderr string // a part
}

var presetCases = [...]presetCase{
	{"--preset base", "ls -d /usr", 0, "/usr\n", ""},
	{"--preset base", "cat /etc/hostname", 1, "", "Permission denied"},
	{"--preset base", "echo one two | tr ' ' '\\n' | sort -r | head -1", 0, "two\n", ""},
	{"--preset base", "echo x > here", 2, "", "Permission denied"},
	{"--preset base", "unshare -U true", 1, "", "Operation not permitted"},
	{"--preset base", "awk 'BEGIN { print 6*7 }' </dev/null", 0, "42\n", ""},
	{"--preset base --set CWD=/", "python3 -c 'import json, zlib, threading; print(json.dumps([1]))'", 0, "[1]\n", ""},
	{"--preset base", "python3 -c 'import socket; socket.socket()'", 1, "", "Operation not permitted"},
	{"--preset build", "echo x > here && cat here && rm here", 0, "x\n", ""},
	{"--preset build", "echo x > ../d1/there", 2, "", "Permission denied"},
	{"--preset build", "python3 -c 'import socket; socket.socket()'", 1, "", "Address family not supported"},
	{"--preset build", "python3 -c 'import socket; a, b = socket.socketpair(); a.send(b\"x\"); print(b.recv(1))'", 0, "b'x'\n", ""},
	{"--preset build", "unshare -U true", 1, "", "Operation not permitted"},
	{"--preset read-only", "cat /proc/self/comm; ls / >/dev/null", 0, "cat\n", ""},
	{"--preset read-only", "touch here", 1, "", "Permission denied"},
	{"--preset read-only", "chmod 700 .", 1, "", "Read-only file system"},
	{"--preset read-only", "rm policy", 1, "", "Permission denied"},
	{"--preset network-client", "python3 -c 'import socket; s = socket.socket(); s.bind((\"127.0.0.1\", 0))'", 1, "", "Permission denied"},
	{"--preset network-client", "python3 -c 'import socket; socket.socket(socket.AF_PACKET)'", 1, "", "Address family not supported"},
	{"--preset docker-default", "ls / >/dev/null; echo x > here; git --version | cut -c1-3; python3 -c 'print(1)'", 0, "git\n1\n", ""},
	{"--preset docker-default", "unshare -U true", 1, "", "Operation not permitted"},
	{"--preset docker-default", "python3 -c 'import ctypes, os; c = ctypes.CDLL(None, use_errno=True); print(c.mount(b\"x\", b\"/\", b\"tmpfs\", 0, 0), ctypes.get_errno())'", 0, "-1 1\n", ""},
}

// Every preset lets real programs work, and refuses what it is there to refuse, for root and for others.
func TestPresets(t *testing.T) {
	testneed.Programs(t, "python3", "git", "unshare", "awk")
	needLandlock(t)
	eachUser(t, func(t *testing.T, d *desk) {
		d.write(t, "policy", "")
		for i := range presetCases {
			c := &presetCases[i]
			r := d.do(t, append(append([]string{"run"}, strings.Fields(c.flags)...), "--", "/bin/sh", "-c", c.script)...)
			if r.code != c.code || r.stdout != c.stdout || !strings.Contains(r.stderr, c.stderr) || c.code == 0 && r.stderr != "" {
				t.Errorf("%s: %s: %+v", c.flags, c.script, r)
			}
		}
	})
}

const project = `
all: program
program: main.o twice.o
	gcc -o $@ $^
%.o: %.c
	gcc -O1 -c -o $@ $<
outside:
	echo x > ../d1/there
network:
	python3 -c 'import socket; socket.create_connection(("127.0.0.1", 9))'
`

// make builds a C project under the build preset and the example, and cannot write elsewhere or reach a network.
func TestPolicyBuild(t *testing.T) {
	testneed.Programs(t, "make", "gcc", "python3", "git")
	needLandlock(t)
	example, err := filepath.Abs("../examples/policies/make.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	eachUser(t, func(t *testing.T, d *desk) {
		d.write(t, "Makefile", project)
		d.write(t, "main.c", "#include <stdio.h>\nint twice(int);\nint main(void) { printf(\"%d\\n\", twice(21)); return 0; }\n")
		d.write(t, "twice.c", "int twice(int n) { return 2 * n; }\n")
		for _, flags := range [][]string{{"--preset", "build"}, {"--policy", d.write(t, "make.yaml", string(text))}} {
			under := func(script string) result {
				return d.do(t, append(append([]string{"run"}, flags...), "--", "/bin/sh", "-c", script)...)
			}
			if r := under("make -s && ./program && make -s clean 2>/dev/null; rm program *.o"); r.code != 0 || r.stdout != "42\n" {
				t.Errorf("%v: make: %+v", flags, r)
			}
			if r := under("make -s outside"); r.code != 2 || !strings.Contains(r.stderr, "Permission denied") {
				t.Errorf("%v: writing outside: %+v", flags, r)
			}
			if r := under("make -s network"); r.code != 2 || !strings.Contains(r.stderr, "Address family not supported") {
				t.Errorf("%v: network: %+v", flags, r)
			}
			if r := under("git init -q repo && cd repo && echo x > new && git status --short && rm -rf ../repo"); r.code != 0 || r.stdout != "?? new\n" {
				t.Errorf("%v: git: %+v", flags, r)
			}
		}
		if left, err := os.ReadDir(d.beside); err != nil || len(left) > 0 {
			t.Errorf("written outside: %v, %v", left, err)
		}
	})
}

// site serves a directory with a file on a free port until the test ends.
func site(t *testing.T, argv ...string) (port string) {
	t.Helper()
	port = freePort(t)
	for i := range argv {
		argv[i] = strings.ReplaceAll(argv[i], "PORT", port)
	}
	background(t, argv...)
	for range 100 {
		if r := (command{argv: []string{"curl", "-s", "-o", "/dev/null", "http://127.0.0.1:" + port + "/"}, dir: "/"}).run(t); r.code == 0 {
			return port
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("%v does not answer", argv)
	return ""
}

// A client under network-client reaches a server, and does not become one.
func TestPolicyClient(t *testing.T) {
	testneed.Programs(t, "busybox", "curl", "wget")
	needLandlock(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "hello"), []byte("hello\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	port := site(t, "busybox", "httpd", "-f", "-p", "127.0.0.1:PORT", "-h", dir)
	url := "http://localhost:" + port + "/hello"
	eachUser(t, func(t *testing.T, d *desk) {
		for _, argv := range [][]string{{"curl", "-s", url}, {"busybox", "wget", "-q", "-O", "-", url}, {"wget", "-q", "-O", "-", url}} {
			if r := d.do(t, append([]string{"run", "--preset", "network-client", "--"}, argv...)...); r.code != 0 || r.stdout != "hello\n" {
				t.Errorf("%v: %+v", argv, r)
			}
			if r := d.do(t, append([]string{"run", "--preset", "build", "--"}, argv...)...); r.code == 0 || r.stdout != "" {
				t.Errorf("%v without a network: %+v", argv, r)
			}
		}
		if r := d.do(t, "run", "--preset", "network-client", "--", "busybox", "httpd", "-f", "-p", "127.0.0.1:"+freePort(t)); r.code == 0 ||
			!strings.Contains(r.stderr, "bind: Permission denied") {
			t.Errorf("a server as a client: %+v", r)
		}
	})
}

// Servers under web-server and the example answer on their port with what is in their directory, and nothing else.
func TestPolicyServer(t *testing.T) {
	testneed.Programs(t, "busybox", "curl", "python3")
	needLandlock(t)
	example, err := filepath.Abs("../examples/policies/legacy-daemon.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"--preset", "web-server", "--set", "port=PORT", "--set", "root=ROOT", "--", "busybox", "httpd", "-f", "-p", "127.0.0.1:PORT", "-h", "ROOT"},
		{"--preset", "web-server", "--set", "port=PORT", "--set", "root=ROOT", "--", "python3", "-m", "http.server", "--bind", "127.0.0.1", "-d", "ROOT", "PORT"},
		{"--policy", example, "--set", "http=PORT", "--set", "data=ROOT", "--", "busybox", "httpd", "-f", "-p", "127.0.0.1:PORT", "-h", "ROOT"},
	} {
		dir := t.TempDir()
		root := filepath.Join(dir, "root")
		for name, text := range map[string]string{"root/hello": "hello\n", "private": "private\n"} {
			path := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Symlink("../private", filepath.Join(root, "leak")); err != nil {
			t.Fatal(err)
		}
		argv := append([]string{stead(t), "run"}, args...)
		for i := range argv {
			argv[i] = strings.ReplaceAll(argv[i], "ROOT", root)
		}
		port := site(t, argv...)
		get := func(name string) result {
			return command{argv: []string{"curl", "-s", "http://127.0.0.1:" + port + "/" + name}, dir: dir}.run(t)
		}
		if r := get("hello"); r.stdout != "hello\n" {
			t.Errorf("%v: %+v", args, r)
		}
		if r := get("leak"); r.stdout == "" || strings.Contains(r.stdout, "private") {
			t.Errorf("%v leaks: %+v", args, r)
		}
	}
}

// The examples compile here.
func TestPolicyExamples(t *testing.T) {
	needLandlock(t)
	files, err := filepath.Glob("../examples/policies/*.yaml")
	if err != nil || len(files) < 4 {
		t.Fatalf("%d examples, %v", len(files), err)
	}
	for _, name := range files {
		path, err := filepath.Abs(name)
		if err != nil {
			t.Fatal(err)
		}
		r := command{argv: []string{stead(t), "policy", "check", path}, dir: t.TempDir()}.run(t)
		if r.code != 0 || !strings.Contains(r.stdout, "ok: ") {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// The converter reads one directory, writes another, and starts nothing.
func TestPolicyConverter(t *testing.T) {
	testneed.Programs(t, "dash")
	needLandlock(t)
	text, err := os.ReadFile("../examples/policies/converter.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat("/lib64/ld-linux-x86-64.so.2"); err != nil {
		testneed.Missing(t, "the example names x86_64's loader: %v", err)
	}
	eachUser(t, func(t *testing.T, d *desk) {
		policy := d.write(t, "converter.yaml", string(text))
		for _, name := range []string{"in", "out"} {
			if err := os.Mkdir(filepath.Join(d.dir, name), 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.Chown(filepath.Join(d.dir, name), d.id, d.id); err != nil {
				t.Fatal(err)
			}
		}
		d.write(t, "in/a", "data\n")
		r := d.do(t, "run", "--policy", policy, "--set", "program=/bin/dash", "--", "/bin/dash", "-c",
			`read x <in/a; echo "$x" >out/b; echo x >in/c; echo x >d; read y <converter.yaml; ls`)
		if got, _ := os.ReadFile(filepath.Join(d.dir, "out/b")); string(got) != "data\n" {
			t.Errorf("output %q: %+v", got, r)
		}
		for _, want := range []string{"create in/c", "create d", "open converter.yaml", "ls: Permission denied"} {
			if !strings.Contains(r.stderr, want) {
				t.Errorf("no %q: %+v", want, r)
			}
		}
	})
}
