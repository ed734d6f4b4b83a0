package attack

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stead-project/stead/internal/testneed"
)

// Limits are how long the attacks go on, and which.
type limits struct {
	attempts int
	budget   time.Duration
	only     *regexp.Regexp
}

func newLimits(t *testing.T) limits {
	t.Helper()
	get := func(name string) any { return flag.Lookup("attack." + name).Value.(flag.Getter).Get() }
	only, err := regexp.Compile(get("only").(string))
	check(t, err)
	return limits{get("attempts").(int), get("budget").(time.Duration), only}
}

// built is where the programs are.
var built = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "stead-attack") })

func TestMain(m *testing.M) {
	flag.Int("attack.attempts", 100_000, "attempts of each attack, at most")
	flag.Duration("attack.budget", 20*time.Second, "time for all attacks on performed calls")
	flag.String("attack.only", "", "a regular expression of the attacks' names")
	flag.Parse()
	code := m.Run()
	if dir, err := built(); err == nil {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

// steadPath is the command under test.
var steadPath = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("STEAD"); path != "" {
		return build("stead", "cp", path, "{}") // to where any user may run it
	}
	return build("stead", "go", "build", "-o", "{}", "../../cmd/stead")
})

// programPath are the attacking programs, by ABI.
var nativePath, compatPath = program("native"), program("compat", "-m32", "-D_FILE_OFFSET_BITS=64")

// program builds the attacking program. It is static: what a loader does is not part of an attack.
func program(name string, flags ...string) func() (string, error) {
	return sync.OnceValues(func() (string, error) {
		sources, err := filepath.Glob("testdata/*.c")
		if err != nil {
			return "", err
		}
		argv := []string{"gcc", "-O2", "-static", "-pthread", "-Wall", "-Wno-unused-result", "-o", "{}"}
		return build(name, slices.Concat(argv, flags, sources)...)
	})
}

// build runs a command that writes a program to {}, in a directory that every user may enter.
func build(name string, argv ...string) (string, error) {
	dir, err := built()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, name)
	if err := os.Chmod(dir, 0o755); err != nil {
		return "", err
	}
	argv[slices.Index(argv, "{}")] = path
	if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w: %s", name, err, out)
	}
	return path, nil
}

// steadCommand is the command under test. One that does not build is a failure, not a skip.
func steadCommand(t *testing.T) string {
	t.Helper()
	path, err := steadPath()
	check(t, err)
	return path
}

// native is the attacking program.
func native(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("gcc"); err != nil {
		testneed.Missing(t, "needs gcc: %v", err)
	}
	path, err := nativePath()
	check(t, err)
	return path
}
