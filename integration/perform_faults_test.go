package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stead-project/stead/internal/testneed"
)

// An oddRun is one caller of the calls with odd arguments.
type oddRun struct {
	name  string
	flags []string // of the compiler
	uid   string
	seeds []string
}

// TestOddArguments makes thousands of performed calls with random arguments, most of them wrong in some way: pointers, lengths,
// descriptors, flags, paths through links and procfs. They are made in two directories that are alike, natively and performed;
// results, errnos, memory and the trees that are left must be the same.
func TestOddArguments(t *testing.T) {
	if os.Getuid() != 0 {
		testneed.Missing(t, "needs root, for chroot and a mount namespace")
	}
	testneed.Programs(t, "unshare", "mount", "chroot")
	for _, r := range []oddRun{
		{name: "root", seeds: []string{"1", "2", "3"}},
		{name: "user", uid: "1000", seeds: []string{"6", "9"}},
		{name: "i386", flags: []string{"-m32"}, seeds: []string{"1", "3"}},
	} {
		t.Run(r.name, func(t *testing.T) {
			program := compile(t, "performed/oddcalls.c", append([]string{"-static"}, r.flags...)...)
			for _, seed := range r.seeds {
				native := oddCalls(t, program, nil, seed, "4000", r.uid)
				got := oddCalls(t, program, performing(t), seed, "4000", r.uid)
				compareOdd(t, seed, native, got)
			}
		})
	}
}

// oddCalls runs the program in a new root with a proc file system of its own mount.
func oddCalls(t *testing.T, program string, prefix []string, args ...string) []string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "root")
	text, err := os.ReadFile(program)
	if err == nil {
		err = os.MkdirAll(filepath.Join(root, "proc"), 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(root, "oddcalls"), text, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	const script = `root=$1; shift; mount -t proc proc "$root/proc" && exec "$@"`
	argv := append([]string{"unshare", "-m", "sh", "-c", script, "sh", root}, prefix...)
	argv = append(argv, "chroot", root, "/oddcalls")
	r := withoutWarnings(t, command{argv: append(argv, args...), dir: filepath.Dir(root), limit: programLimit}.run(t))
	if r.code != 0 || r.stderr != "" {
		t.Fatalf("ended with %d: %s", r.code, r.stderr)
	}
	return strings.Split(r.stdout, "\n")
}

// oddAccepted are calls that differ from the kernel's own, by what their lines begin and end with.
func oddAccepted(call, native, got string) bool {
	procDirectory := strings.Contains(native, `"/proc/self/fd/4`) && strings.HasSuffix(got, " = -1 13")
	switch call {
	case "linkat": // whether the opener of a descriptor had the same credentials cannot be seen from outside
		return strings.Contains(native, ", 0x1") && strings.HasSuffix(native, " = -1 2")
	case "unlink", "rmdir", "unlinkat": // only who reads may enter its directory in procfs; nothing can be removed there either way
		return procDirectory
	case "openat2": // RESOLVE_BENEATH and RESOLVE_IN_ROOT do not go through procfs
		return strings.HasSuffix(got, " = -1 40") && strings.Contains(native, "self")
	case "open", "creat", "openat": // of a symbolic link whose text ends in a slash
		return strings.HasSuffix(native, " = -1 21") && strings.HasSuffix(got, " = -1 20")
	}
	return false
}

func compareOdd(t *testing.T, seed string, native, got []string) {
	t.Helper()
	if len(native) < 3000 || len(native) != len(got) {
		t.Fatalf("seed %s: %d lines, natively %d", seed, len(got), len(native))
	}
	apart, failed := 0, 0
	for i, line := range native {
		fields := strings.Fields(line)
		if strings.Contains(line, " = -1 ") {
			failed++
		}
		if line == got[i] || len(fields) > 1 && oddAccepted(fields[1], line, got[i]) {
			continue
		}
		if apart++; apart <= 10 {
			t.Errorf("seed %s\nnative    %s\nperformed %s", seed, line, got[i])
		}
	}
	if failed < 1000 || failed > len(native)-200 {
		t.Errorf("seed %s: %d of %d calls fail, which shows little", seed, failed, len(native))
	}
}

// TestBlockedOpens has more threads wait for a FIFO at once than there are workers: the one that releases them must come through,
// signals must end or repeat the waiting as the handler was installed, and a killed process must leave nobody waiting.
func TestBlockedOpens(t *testing.T) {
	program := compile(t, "performed/blocked.c")
	for _, mode := range []string{"released", "signalled", "killed"} {
		for _, n := range []string{"1", "200"} {
			t.Run(mode+" "+n, func(t *testing.T) {
				want := command{argv: []string{program, mode, n}, dir: t.TempDir()}.run(t)
				got := withoutWarnings(t, command{argv: append(performing(t), program, mode, n), dir: t.TempDir()}.run(t))
				if got != want {
					t.Errorf("got %+v, natively %+v", got, want)
				}
			})
		}
	}
}

// TestKilledWithinCalls kills hundreds of processes at any moment of their calls. Nothing is half done, and the supervisor, with the
// tasks that act for the targets, is as large after the last as after the first.
func TestKilledWithinCalls(t *testing.T) {
	program := compile(t, "performed/killed.c", "-static")
	for name, args := range map[string][]string{"direct": nil, "by stand-ins": {"1234"}} {
		t.Run(name, func(t *testing.T) {
			if len(args) > 0 && os.Getuid() != 0 {
				testneed.Missing(t, "needs root, for chroot and other ids")
			}
			killedWithinCalls(t, append(append(performing(t), program, openDir(t)), args...))
		})
	}
}

// openDir is a directory that every user reaches from inside, through chroot.
func openDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	return dir
}

func killedWithinCalls(t *testing.T, argv []string) {
	cmd, say, hear := interactive(t, argv)
	ask := func(n int) (size [3]int, tasks int) {
		t.Helper()
		fmt.Fprintln(say, n)
		if line, err := hear.ReadString('\n'); line != fmt.Sprintf("%d, at most two names left\n", n) {
			t.Fatalf("asked for %d, the program says %q (%v)", n, line, err)
		}
		time.Sleep(300 * time.Millisecond) // for the last ones' waiting to end
		out, _ := exec.Command("pgrep", "-P", fmt.Sprint(cmd.Process.Pid)).Output()
		return sizeOf(t, cmd.Process.Pid), len(strings.Fields(string(out)))
	}
	testneed.Programs(t, "pgrep")
	before, tasksBefore := ask(50)
	after, tasksAfter := ask(300)
	t.Logf("descriptors, threads, memory in KiB and children: %v %d, then %v %d", before, tasksBefore, after, tasksAfter)
	for i, slack := range [3]int{300, 12, 32 << 10} {
		if after[i] > before[i]+slack {
			t.Errorf("%v became %v: more than %d more", before, after, slack)
		}
	}
	if tasksAfter > tasksBefore+8 {
		t.Errorf("%d children became %d", tasksBefore, tasksAfter)
	}
}

// TestStructsPerformed compares the bytes that stat, statfs and their like leave in a target's memory.
func TestStructsPerformed(t *testing.T) {
	if os.Getuid() != 0 {
		testneed.Missing(t, "needs root, to give files away and to make device nodes")
	}
	for _, flags := range [][]string{{"-static"}, {"-static", "-m32"}} {
		program := compile(t, "performed/structs.c", flags...)
		want := command{argv: []string{program}, dir: t.TempDir()}.run(t)
		got := withoutWarnings(t, command{argv: append(performing(t), program), dir: t.TempDir()}.run(t))
		if got != want || strings.Count(want.stdout, "\n") < 30 {
			t.Errorf("%v: ended with %d, natively %d\n%s", flags, got.code, want.code, apart(want.stdout, got.stdout))
		}
	}
}
