package integration

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stead-project/stead/internal/testneed"
)

// pretenders are who is taken for root: root, an ordinary user, and root of a user namespace.
func pretenders(t *testing.T) []user {
	t.Helper()
	list := users(t)
	last := list[len(list)-1]
	inside := user{"userns", append(append([]string{}, last.argv...), "unshare", "-U", "-r"), last.id}
	if out := (command{argv: append(append([]string{}, inside.argv...), "true"), dir: "/"}).run(t); out.code != 0 {
		t.Logf("no user namespace: %s", out.stderr)
		return list
	}
	return append(list, inside)
}

// asRoot compares what a program prints for real root with what it prints for everybody who is taken for root. paths are files of
// testdata/fakeroot or compiled programs, that the first argument is in; the others are arguments.
func asRoot(t *testing.T, limit int, path string, args ...string) {
	t.Helper()
	if os.Getuid() != 0 {
		testneed.Missing(t, "needs root, whose results are compared with")
	}
	testneed.Programs(t, "setpriv")
	native := user{"native", []string{"setpriv", "--groups", "0"}, 0}
	want := native.shows(t, path, args, nil)
	if strings.Count(want, "\n") < limit {
		t.Fatalf("the program did not run through: %s", want)
	}
	for _, u := range pretenders(t) {
		t.Run(u.name, func(t *testing.T) {
			got := u.shows(t, path, args, []string{"run", "--preset", "fake-root", "--"})
			likeRoot(t, want, got)
		})
	}
}

// shows is what a program prints in a directory of its own, with what differs from run to run left out.
func (u user) shows(t *testing.T, path string, args, stead []string) string {
	t.Helper()
	d := u.desk(t)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(d.beside, filepath.Base(path))
	if err := os.WriteFile(program, text, 0o755); err != nil {
		t.Fatal(err)
	}
	argv := append([]string{}, d.argv...)
	if stead != nil {
		argv = append(append(argv, d.stead), stead...)
	}
	if strings.HasSuffix(path, ".sh") {
		argv = append(argv, "sh")
	}
	out := command{argv: append(append(argv, program), args...), dir: d.dir}.run(t)
	if out.code != 0 || out.stderr != "" {
		t.Fatalf("%v: status %d: %s%s", argv, out.code, out.stdout, out.stderr)
	}
	plain := strings.NewReplacer(d.dir, "/D", strings.ReplaceAll(d.dir, "/", "_"), "_D").Replace(out.stdout)
	return changing().ReplaceAllString(plain, "?")
}

// changing are sizes of what is compressed and of what it was got from.
func changing() *regexp.Regexp { return regexp.MustCompile(`\[?[0-9,]+ k?B\]?(/[0-9,]+ k?B)?`) }

// likeRoot compares line by line.
func likeRoot(t *testing.T, want, got string) {
	t.Helper()
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(w), len(g)) {
		var a, b string
		if i < len(w) {
			a = w[i]
		}
		if i < len(g) {
			b = g[i]
		}
		if a != b {
			t.Fatalf("line %d:\nroot      %s\nfake root %s", i+1, a, b)
		}
	}
}

// TestFakeRootIDs: random sequences of calls that change ids and capabilities give the same results, errnos and ids as root's.
func TestFakeRootIDs(t *testing.T) {
	for name, flags := range map[string][]string{"native": {"-static"}, "i386": {"-static", "-m32"}} {
		t.Run(name, func(t *testing.T) {
			asRoot(t, 1900, compile(t, "fakeroot/setids.c", flags...), "150", "12")
		})
	}
}

// TestFakeRootThreads: who is what, of threads and processes that are made before and after a change.
func TestFakeRootThreads(t *testing.T) {
	for name, flags := range map[string][]string{"native": {"-static"}, "i386": {"-static", "-m32"}} {
		t.Run(name, func(t *testing.T) { asRoot(t, 16, compile(t, "fakeroot/threads.c", flags...)) })
	}
}

// TestFakeRootFiles: random sequences of calls on owners, modes, devices and attributes leave files as root's would.
func TestFakeRootFiles(t *testing.T) {
	for name, flags := range map[string][]string{"native": {"-static"}, "i386": {"-static", "-m32"}} {
		t.Run(name, func(t *testing.T) {
			asRoot(t, 4000, compile(t, "fakeroot/files.c", append(flags, "-D_FILE_OFFSET_BITS=64")...), "100", "40")
		})
	}
}

// TestFakeRootPrograms runs archivers, dpkg, install, cp, rsync and setcap.
func TestFakeRootPrograms(t *testing.T) {
	testneed.Programs(t, "dpkg-deb", "dpkg", "tar", "cpio", "rsync", "python3", "/sbin/setcap", "getfattr", "setfattr", "install")
	asRoot(t, 140, "testdata/fakeroot/programs.sh")
}

// TestFakeRootApt installs from a repository into a directory.
func TestFakeRootApt(t *testing.T) {
	testneed.Programs(t, "apt-get", "dpkg-deb")
	asRoot(t, 60, "testdata/fakeroot/apt.sh")
}

// TestFakeRootLikeFakeroot: files that nothing is known of belong to whom fakeroot(1) says they do.
func TestFakeRootLikeFakeroot(t *testing.T) {
	testneed.Programs(t, "fakeroot", "tar")
	const script = `id; touch f g; chown 12:34 f; chgrp 5 g; mknod d c 1 3; mknod p p; mkdir e; chmod 2751 e; ln -s f l; chown -h 9 l
		stat -c '%n %u:%g %A %t' f g d p e l . .. /etc/passwd; tar cf t.tar f d e l; tar tf t.tar; tar xf t.tar -C e; ls -ln e | cut -c1-40
		mv f g; stat -c %u g; rm d; touch d; stat -c '%A %u' d`
	for _, u := range users(t) {
		t.Run(u.name, func(t *testing.T) {
			d, e := u.desk(t), u.desk(t)
			want := command{argv: append(append([]string{}, e.argv...), "fakeroot", "sh", "-c", script), dir: e.dir}.run(t)
			got := d.do(t, "run", "--preset", "fake-root", "--", "sh", "-c", script)
			if got.code != 0 || got.stderr != "" {
				t.Errorf("status %d: %s", got.code, got.stderr)
			}
			likeRoot(t, want.stdout, got.stdout)
		})
	}
}

// TestFakeRootInside: files: of another policy bounds what is performed, too.
func TestFakeRootInside(t *testing.T) {
	const policy = `
default: allow
include: [preset:fake-root]
files: {read: [/], write: [/dev/null], create: ["${DIR}"], exec: [/]}
vars: {DIR: DIRECTORY}
`
	const script = `touch f && chown 5:6 f && mkdir d && mv f d/f && stat -c %u:%g d/f
		for c in "mkdir ../d1/x" "chown 1 ../d1" "chmod 777 ../d1" "rmdir ../d1" "mknod ../d1/n c 1 3" "mv d ../d1/d"; do $c 2>/dev/null; echo $?; done; ls ../d1`
	eachUser(t, func(t *testing.T, d *desk) {
		got := d.under(t, strings.ReplaceAll(policy, "DIRECTORY", d.dir), "", "sh", "-c", script)
		if got.stdout != "5:6\n1\n1\n1\n1\n1\n1\n" {
			t.Errorf("status %d: %s%s", got.code, got.stdout, got.stderr)
		}
	})
}

// TestFakeRootChangesNothing: what the program is answered is not what there is.
func TestFakeRootChangesNothing(t *testing.T) {
	const script = `touch f; chown 12:34 f; chmod 6755 f; mknod d b 8 0; mkdir -m 0111 e; touch e/x; stat -c '%n %u:%g %a %F' f d e`
	const want = "f 12:34 6755 regular empty file\nd 0:0 644 block special file\ne 0:0 111 directory\n"
	eachUser(t, func(t *testing.T, d *desk) {
		if got := d.do(t, "run", "--preset", "fake-root", "--", "sh", "-c", script); got.code != 0 || got.stdout != want {
			t.Errorf("status %d: %s%s", got.code, got.stdout, got.stderr)
		}
		out := command{argv: []string{"stat", "-c", "%n %a %F %u", "f", "d", "e"}, dir: d.dir}.run(t)
		id := map[bool]string{true: "0", false: "65534"}[d.id == 0]
		if d.id == 0 || d.id == 65534 {
			likeRoot(t, "f 755 regular empty file "+id+"\nd 644 regular empty file "+id+"\ne 711 directory "+id+"\n", out.stdout)
		}
	})
}
