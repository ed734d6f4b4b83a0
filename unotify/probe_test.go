package unotify

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func probe(t *testing.T) Features {
	t.Helper()
	f, err := Probe(t.Context(), ProbeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// sinceKernel is the first version with each feature, so that a test on an older kernel expects no more than there is.
func sinceKernel() []since {
	return []since{
		{FeatureListener, 5, 0}, {FeatureContinue, 5, 5}, {FeatureIDValid, 5, 0}, {FeatureWaitKillable, 5, 19},
		{FeatureSyncWakeUp, 6, 6}, {FeatureAddFD, 5, 9}, {FeatureAddFDExact, 5, 9}, {FeatureAddFDSend, 5, 14},
		{FeatureReceiveEnd, 6, 11}, {FeatureNotifSizes, 5, 0}, {FeatureTSYNCESRCH, 5, 7}, {FeatureLog, 4, 14},
		{FeatureSpecAllow, 4, 17}, {FeatureNoNewPrivs, 3, 5}, {FeaturePidfdThread, 6, 9}, {FeaturePidfdGetfd, 5, 6},
		{FeatureReadMemory, 3, 2}, {FeatureWriteMemory, 3, 2}, {FeatureProcMem, 2, 6},
	}
}

type since struct {
	name         string
	major, minor int
}

func TestProbe(t *testing.T) {
	f := probe(t)
	var major, minor int
	if _, err := fmt.Sscanf(f.Kernel, "%d.%d", &major, &minor); err != nil {
		t.Fatalf("release %q: %v", f.Kernel, err)
	}
	for _, since := range sinceKernel() {
		feature := f.Get(since.name)
		want := Yes
		if major < since.major || (major == since.major && minor < since.minor) {
			want = No
		}
		if feature.State != want {
			t.Errorf("Linux %s: %s is %v (%s), want %v", f.Kernel, since.name, feature.State, feature.Detail, want)
		}
	}
	if f.Sizes.Notification < notificationSize {
		t.Errorf("sizes %+v", f.Sizes)
	}
}

// TestProbeSurroundings compares what depends on the machine with other witnesses.
func TestProbeSurroundings(t *testing.T) {
	f := probe(t)
	if lsm, err := os.ReadFile("/sys/kernel/security/lsm"); err == nil {
		if has := strings.Contains(string(lsm), "landlock"); f.Has(FeatureLandlock) != has {
			t.Errorf("landlock %v, kernel's list: %s", f.Get(FeatureLandlock), lsm)
		}
	}
	if f.Has(FeatureLandlock) != (f.LandlockABI > 0) {
		t.Errorf("landlock %v with ABI %d", f.Get(FeatureLandlock), f.LandlockABI)
	}
	if f.Has(FeatureRoot) != (os.Geteuid() == 0) {
		t.Errorf("root: %+v", f.Get(FeatureRoot))
	}
	err := exec.Command("unshare", "--user", "--mount", "true").Run()
	if !errors.Is(err, exec.ErrNotFound) && f.Has(FeatureUserNamespaces) != (err == nil) {
		t.Errorf("user namespaces: %+v, unshare(1): %v", f.Get(FeatureUserNamespaces), err)
	}
	if runtime.GOARCH != "amd64" && f.Get(FeatureI386).State != No {
		t.Errorf("i386 calls on %s: %+v", runtime.GOARCH, f.Get(FeatureI386))
	}
	if f.Get(FeatureI386).State == Unknown {
		t.Errorf("i386 calls: %+v", f.Get(FeatureI386))
	}
}

func TestProbeTexts(t *testing.T) {
	for _, f := range probe(t).List {
		if f.Meaning == "" || (f.State == Yes) != (f.Remedy == "") {
			t.Errorf("%s: meaning %q, state %v, remedy %q", f.Name, f.Meaning, f.State, f.Remedy)
		}
		if f.State == Unknown && (f.Detail == "" || f.Detail == "not probed") {
			t.Errorf("%s is unknown: %q", f.Name, f.Detail)
		}
	}
}

func TestProbeIsQuick(t *testing.T) {
	best, bare := time.Hour, time.Hour
	for range 3 {
		start := time.Now()
		probe(t)
		best = min(best, time.Since(start))
		start = time.Now()
		probeCommand(t.Context(), "/proc/self/exe", "exit").Run() //nolint:errcheck // only the time matters
		bare = min(bare, time.Since(start))
	}
	// On an emulated machine starting a process alone takes as long as the whole probe should.
	if limit := max(100*time.Millisecond, 10*bare); best > limit {
		t.Errorf("took %v, limit %v", best, limit)
	}
	t.Logf("took %v; starting one process %v", best, bare)
}

func TestProbeLeavesNothing(t *testing.T) {
	probe(t)
	before := openFDs(t)
	probe(t)
	if after := openFDs(t); after != before {
		t.Errorf("%d descriptors, %d before", after, before)
	}
	var s unix.WaitStatus
	if pid, err := unix.Wait4(-1, &s, unix.WNOHANG, nil); !errors.Is(err, unix.ECHILD) {
		t.Errorf("child %d is left: %v", pid, err)
	}
}

// TestProbeSignalWithoutFlag shows that the check of WAIT_KILLABLE_RECV can say no, and that the child can still be used.
func TestProbeSignalWithoutFlag(t *testing.T) {
	f := newFeatures()
	p, err := startProbe(t.Context(), "/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer p.end()
	p.f = &f
	if errno, err := p.install(FlagNewListener); errno != 0 || err != nil {
		t.Skip("no listener to be had:", errno, err)
	}
	if err := p.survivesSignal(); !errors.Is(err, ErrGone) {
		t.Errorf("without the flag: %v, want %v", err, ErrGone)
	}
	if err := p.answered(); err != nil {
		t.Errorf("the next call: %v", err)
	}
}

// refusal makes calls fail whose argument has any bit of mask.
type refusal struct {
	nr    uint32
	arg   int
	mask  uint32
	errno unix.Errno
}

// refuse is a filter of refusals; everything else is allowed. It looks at the low halves of arguments.
func refuse(list []refusal) (prog []unix.SockFilter) {
	const nr, args = 0, 16 // offsets in struct seccomp_data
	low := uint32(0)
	if binary.NativeEndian.Uint16([]byte{0, 1}) == 1 {
		low = 4
	}
	for _, r := range list {
		prog = append(prog,
			unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: nr},
			unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 3, K: r.nr},
			unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: args + low + 8*uint32(r.arg)},
			unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, Jf: 1, K: r.mask},
			unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(r.errno)})
	}
	return append(prog, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW})
}

// TestProbeOldKernel lets a filter answer as Linux 5.0 would, and as a container's filter does.
func TestProbeOldKernel(t *testing.T) {
	if !probe(t).Has(FeatureListener) {
		t.Skip("no listener to be had on this machine")
	}
	const anything = ^uint32(0)
	list := []refusal{
		{unix.SYS_SECCOMP, 1, FlagWaitKillableRecv | FlagTSYNCESRCH | FlagLog | FlagSpecAllow, unix.EINVAL},
		{unix.SYS_PIDFD_OPEN, 1, anything, unix.EINVAL},
		{unix.SYS_PIDFD_GETFD, 0, anything, unix.ENOSYS},
		{unix.SYS_PROCESS_VM_READV, 0, anything, unix.EPERM},
		{unix.SYS_PROCESS_VM_WRITEV, 0, anything, unix.EPERM},
		{unix.SYS_LANDLOCK_CREATE_RULESET, 2, anything, unix.EOPNOTSUPP},
		{unix.SYS_CLONE, 0, unix.CLONE_NEWUSER, unix.EPERM},
	}
	f := newFeatures()
	err := onThrowawayThread(func() (err error) {
		if err = unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err == nil {
			_, err = Install(refuse(list), 0)
		}
		if err == nil {
			f, err = Probe(t.Context(), ProbeOptions{})
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{FeatureWaitKillable, FeatureTSYNCESRCH, FeatureLog, FeatureSpecAllow, FeaturePidfdThread,
		FeaturePidfdGetfd, FeatureReadMemory, FeatureWriteMemory, FeatureLandlock, FeatureUserNamespaces} {
		if got := f.Get(name); got.State != No || got.Remedy == "" {
			t.Errorf("%s is %v (%s), remedy %q", name, got.State, got.Detail, got.Remedy)
		}
	}
	for _, name := range []string{FeatureListener, FeatureContinue, FeatureAddFD, FeatureProcMem} {
		if got := f.Get(name); got.State != Yes {
			t.Errorf("%s is %v (%s)", name, got.State, got.Detail)
		}
	}
}

// helpNested gives all its threads a filter with a listener, as a container runtime would, and probes under it.
func helpNested() {
	runtime.LockOSThread()
	err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
	if err == nil {
		_, err = Install(probeFilter(unix.SECCOMP_RET_ALLOW), FlagNewListener|FlagTSYNC|FlagTSYNCESRCH)
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	f, err := Probe(context.Background(), ProbeOptions{})
	b, _ := json.Marshal(f)
	fmt.Printf("%s\n", b)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func TestProbeUnderListener(t *testing.T) {
	if !probe(t).Has(FeatureListener) {
		t.Skip("no listener to be had on this machine")
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), helperEnv+"=nested")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var f struct {
		List []struct{ Name, State, Detail, Remedy string }
	}
	if err := json.Unmarshal(out, &f); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	want := map[string]string{FeatureListener: "no", FeatureContinue: "unknown", FeatureWaitKillable: "unknown",
		FeatureAddFDSend: "unknown", FeatureReceiveEnd: "unknown", FeatureReadMemory: "yes", FeatureLog: "yes"}
	for _, got := range f.List {
		if want[got.Name] != "" && want[got.Name] != got.State {
			t.Errorf("%s is %s (%s), want %s", got.Name, got.State, got.Detail, want[got.Name])
		}
		if got.Name == FeatureListener && !strings.Contains(got.Detail, unix.EBUSY.Error()) {
			t.Errorf("detail of %s: %q", got.Name, got.Detail)
		}
		if got.Name == FeatureListener && !strings.Contains(got.Remedy, "outside") {
			t.Errorf("remedy of %s: %q", got.Name, got.Remedy)
		}
	}
}

// TestProbeWithoutHook: a program that does not call ProbeChildMain costs the child's answers, nothing else.
func TestProbeWithoutHook(t *testing.T) {
	path, err := exec.LookPath("true")
	if err != nil {
		t.Skip("no true(1) on this machine:", err)
	}
	f, err := Probe(t.Context(), ProbeOptions{Path: path})
	if !errors.Is(err, errProbeChild) {
		t.Errorf("error %v", err)
	}
	if f.Get(FeatureListener).State != Unknown || !f.Has(FeatureNotifSizes) {
		t.Errorf("listener %v, sizes %v", f.Get(FeatureListener), f.Get(FeatureNotifSizes))
	}
	f, err = Probe(t.Context(), ProbeOptions{Path: "/nonexistent"})
	if !errors.Is(err, os.ErrNotExist) || f.Get(FeatureUserNamespaces).State != Unknown {
		t.Errorf("no such program: %v, user namespaces %v", err, f.Get(FeatureUserNamespaces))
	}
}

func TestProbeCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Probe(ctx, ProbeOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func BenchmarkProbe(b *testing.B) {
	for b.Loop() {
		if _, err := Probe(b.Context(), ProbeOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}
