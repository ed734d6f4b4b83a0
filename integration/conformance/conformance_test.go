package conformance

import (
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/stead-project/stead/internal/testneed"
)

// workDir is a directory that every user can reach; t.TempDir's parents are closed.
func workDir(t *testing.T, parent string) string {
	t.Helper()
	dir, err := os.MkdirTemp(parent, "stead-conformance")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { remove(t, dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// remove opens closed directories, which only root can remove as they are.
func remove(t *testing.T, dir string) {
	if os.Getenv("STEAD_KEEP") != "" {
		t.Logf("kept: %s", dir)
		return
	}
	if os.Geteuid() != 0 {
		filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
			if info != nil && info.IsDir() {
				os.Chmod(path, 0o700)
			}
			return nil
		})
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Errorf("remove what the runs left: %v", err)
	}
}

func newSuite(t *testing.T, stead string) *Suite {
	t.Helper()
	testneed.Programs(t, "go", "setpriv", "unshare", "chroot")
	opt := Options{Dir: workDir(t, ""), Stead: stead, Limit: 40 * time.Second}
	if _, err := os.Stat("/dev/shm"); err == nil {
		opt.Memory = workDir(t, "/dev/shm")
	}
	s, err := New(opt)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// steadPath is the command under test, built if the environment names none.
func steadPath(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("STEAD"); path != "" {
		return path
	}
	path := filepath.Join(t.TempDir(), "stead")
	if text, err := exec.Command("go", "build", "-o", path, "github.com/stead-project/stead/cmd/stead").CombinedOutput(); err != nil {
		t.Fatalf("build stead: %v: %s", err, text)
	}
	return path
}

// chosen says whether the environment is wanted: STEAD_ENVIRONMENTS has names with commas between, or is empty.
func chosen(name string) bool {
	list := os.Getenv("STEAD_ENVIRONMENTS")
	return list == "" || list == "all" || strings.Contains(","+list+",", ","+name+",")
}

func (e Env) all(t *testing.T) {
	names := make([]string, 0, len(All))
	for name := range All {
		names = append(names, name)
	}
	sort.Strings(names)
	if _, err := e.runs(); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) { All[name](t, e) })
	}
}

// TestPerformed is the suite: everything in every environment.
func TestPerformed(t *testing.T) {
	s := newSuite(t, steadPath(t))
	for _, e := range s.Environments() {
		if chosen(e.Name) {
			t.Run(e.Name, e.all)
		}
	}
	if t.Failed() || os.Getenv("STEAD_ENVIRONMENTS") != "" {
		return
	}
	for _, a := range s.Unused() {
		t.Errorf("nothing differs any more, so that it must not be accepted: %+v", a)
	}
}

// TestNative compares two native runs: the checks say the same twice, or a difference would mean nothing. It takes the environments
// that differ most, and all if STEAD_ENVIRONMENTS is "all".
func TestNative(t *testing.T) {
	s := newSuite(t, "")
	some := map[string]bool{"as-started": true, "root": true, "i386-user": true, "userns-and-mounts": true, "chroot": true, "processes": true}
	for _, e := range s.Environments() {
		if wanted := os.Getenv("STEAD_ENVIRONMENTS"); wanted == "all" || wanted == "" && some[e.Name] || wanted != "" && chosen(e.Name) {
			t.Run(e.Name, e.all)
		}
	}
}
