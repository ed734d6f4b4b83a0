package presets_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/policy/cond"
	"github.com/stead-project/stead/policy/lang"
	"github.com/stead-project/stead/policy/oci"
	"github.com/stead-project/stead/policy/presets"
)

func load(t *testing.T, name string, set map[string]string) *policy.Document {
	t.Helper()
	d, err := lang.Load(lang.Options{Presets: []string{name}, Set: set, Dir: "/jobs", ABI: arch.X86_64,
		Env: func(string) (string, bool) { return "", false }})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// decide is what the first rule says whose calls have this one; ok false: the default, or a short form.
func decide(t *testing.T, d *policy.Document, call string) (policy.Rule, bool) {
	t.Helper()
	id, ok := arch.LookupID(call)
	if !ok {
		t.Fatalf("no call %s", call)
	}
	for _, r := range d.Rules {
		if r.Calls.Has(id) {
			return r, true
		}
	}
	return policy.Rule{}, false
}

func TestNames(t *testing.T) {
	if got := strings.Join(presets.Names(), " "); got != "base build container-mount docker-default fake-root network-client perform read-only system-container web-server" {
		t.Errorf("presets are %s", got)
	}
	for _, name := range []string{"", ".", "..", "../presets/base", "none", "base.yaml", "presets.go"} {
		if _, ok := presets.Read(name); ok {
			t.Errorf("preset %q exists", name)
		}
	}
}

// Every preset says what it is for in a comment, is named as its file, and its conditions hold for each of their calls.
func TestPresets(t *testing.T) {
	for _, name := range presets.Names() {
		text, _ := presets.Read(name)
		if !strings.Contains(string(text), "\nname: "+name+"\n") || strings.Count(string(text), "\n# ") < 1 {
			t.Errorf("%s: no name, or no comment", name)
		}
		bind(t, load(t, name, nil), arch.X86_64, arch.I386, arch.AArch64)
	}
}

func bind(t *testing.T, d *policy.Document, abis ...arch.ABI) {
	t.Helper()
	for _, r := range d.Rules {
		if r.When.Text == "" {
			continue
		}
		s, err := cond.Parse(r.When)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, abi := range abis {
			if _, err := cond.BindAll(s, abi, r.Calls); err != nil {
				t.Errorf("%v: %v", abi, err)
			}
		}
	}
}

// The base leaves what names files and peers to the short forms, allows what every program does and nothing that goes around.
func TestBase(t *testing.T) {
	d := load(t, "base", nil)
	for _, call := range strings.Fields("read write mmap mprotect brk futex rt_sigreturn exit_group wait4 getrandom uname fstat getdents64 " +
		"pipe2 dup3 epoll_wait prlimit64 sched_getaffinity ftruncate fchmod fcntl close_range set_robust_list rseq nanosleep umask kill") {
		if r, ok := decide(t, d, call); !ok || r.Then.Verdict != policy.Allow {
			t.Errorf("%s is not allowed: %v", call, r.Name)
		}
	}
	for _, call := range strings.Fields("open openat openat2 execve execveat stat unlink mount connect bind sendto socket ptrace bpf " +
		"unshare setns setuid setresuid keyctl init_module reboot userfaultfd io_uring_setup open_by_handle_at perf_event_open " +
		"process_vm_writev pidfd_getfd kexec_load") {
		if r, ok := decide(t, d, call); ok && r.Then.Verdict != policy.Deny {
			t.Errorf("%s: %v says %v", call, r.Name, r.Then.Verdict)
		}
	}
}

func TestBuild(t *testing.T) {
	d := load(t, "build", nil)
	if d.Default.Verdict != policy.Allow || d.Network == nil || len(d.Network.Connect)+len(d.Network.Listen) != 0 {
		t.Errorf("default %v, network %+v", d.Default, d.Network)
	}
	var below []string
	for _, p := range d.Files.Create {
		below = append(below, p.Path)
	}
	if got := strings.Join(below, " "); got != "/jobs /tmp /dev/shm" {
		t.Errorf("files are made below %s", got)
	}
	for _, p := range d.Files.Write {
		if !strings.HasPrefix(p.Path, "/dev/") {
			t.Errorf("%s may be written", p.Path)
		}
	}
	for _, call := range strings.Fields("mount socketcall io_uring_setup io_uring_enter open_by_handle_at bpf unshare setns init_module keyctl") {
		if r, ok := decide(t, d, call); !ok || r.Then.Verdict != policy.Deny {
			t.Errorf("%s is not denied", call)
		}
	}
}

func TestReadOnly(t *testing.T) {
	d := load(t, "read-only", nil)
	for _, call := range strings.Fields("chmod fchmod fchmodat fchmodat2 chown lchown fchown fchownat utime utimes utimensat setxattr " +
		"lsetxattr fsetxattr setxattrat removexattr removexattrat mount umount2 io_uring_setup") {
		if r, ok := decide(t, d, call); !ok || r.Then.Verdict != policy.Deny {
			t.Errorf("%s is not denied", call)
		}
	}
	if d.Files.Create != nil || d.Network != nil {
		t.Errorf("%+v", d)
	}
}

func TestWebServer(t *testing.T) {
	d := load(t, "web-server", map[string]string{"port": "8443", "root": "/srv/site"})
	if d.Default.Verdict != policy.Deny || d.Network.Listen[0].From != 8443 || d.Network.Connect != nil || d.Files.Read[0].Path != "/srv/site" {
		t.Errorf("%+v %+v", d, d.Network)
	}
	if r, ok := decide(t, d, "accept4"); !ok || r.Then.Verdict != policy.Allow {
		t.Error("accept4 is not allowed")
	}
}

func TestNetworkClient(t *testing.T) {
	d := load(t, "network-client", nil)
	if len(d.Network.Connect) != 1 || d.Network.Listen != nil {
		t.Errorf("%+v", d.Network)
	}
	if _, ok := decide(t, d, "connect"); ok {
		t.Error("a rule decides connect: network is not asked")
	}
}

// The conditions of the examples hold for each of their calls too.
func TestExamples(t *testing.T) {
	files, err := filepath.Glob("../../examples/policies/*.yaml")
	more, err2 := filepath.Glob("../lang/testdata/policies/*.yaml")
	if len(files) < 4 || len(more) < 3 {
		t.Fatalf("%d and %d examples, %v, %v", len(files), len(more), err, err2)
	}
	files = append(files, more...)
	for _, name := range files {
		d, err := lang.Load(lang.Options{Files: []string{name}, Dir: "", ABI: arch.X86_64,
			Env: func(name string) (string, bool) { return "/home/u", name == "HOME" }})
		if err != nil {
			t.Error(err)
			continue
		}
		bind(t, d, arch.X86_64, arch.I386)
	}
}

// docker-default lets through what the engine's own profile does, call for call, for the engine's default capabilities.
func TestDockerDefault(t *testing.T) {
	file, err := os.Open("../oci/testdata/docker-default.json")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var caps []string
	for _, c := range strings.Fields("CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE " +
		"SYS_CHROOT KILL AUDIT_WRITE") {
		caps = append(caps, "CAP_"+c)
	}
	theirs, _, err := oci.Import(file, oci.Options{Arch: arch.X86_64, Caps: caps})
	if err != nil {
		t.Fatal(err)
	}
	ours := load(t, "docker-default", nil)
	if ours.Default.Verdict != theirs.Default.Verdict || ours.Default.Errno|syscall.EPERM != theirs.Default.Errno|syscall.EPERM {
		t.Errorf("defaults %v and %v", ours.Default, theirs.Default)
	}
	for _, id := range arch.AllCalls().IDs() {
		if _, ok := arch.X86_64.NumberOf(id); !ok {
			continue
		}
		a, b := verdicts(ours, id), verdicts(theirs, id)
		if a != b {
			t.Errorf("%s: here %s, there %s", id.Name(), a, b)
		}
	}
}

// verdicts sums up what a document says of a call: the first unconditional answer, and whether conditions come before.
func verdicts(d *policy.Document, id arch.ID) string {
	conditional := ""
	for _, r := range d.Rules {
		switch {
		case !r.Calls.Has(id):
		case r.When.Text != "":
			conditional = "sometimes " + r.Then.Verdict.String() + ", else "
		default:
			return conditional + answer(r.Then)
		}
	}
	return conditional + answer(d.Default)
}

func answer(a policy.Action) string {
	if a.Verdict == policy.Deny && a.Errno != 0 && a.Errno != syscall.EPERM {
		return a.Verdict.String() + " " + a.Errno.Error()
	}
	return a.Verdict.String()
}
