package integration

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// A done counts what became of the calls of a run.
type done struct {
	performed map[string]int // by call
	left      map[string]int // to the kernel
	handles   int            // left to the kernel too: O_PATH, which cannot be injected and gives no access
	failed    []string       // neither, with what the record says
}

// readRecord counts the calls in a record.
func readRecord(r io.Reader) (done, error) {
	d := done{performed: map[string]int{}, left: map[string]int{}}
	lines := bufio.NewReader(r) // a line may be long: it holds the arguments of execve
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return d, nil
		}
		if err != nil {
			return d, fmt.Errorf("read a record: %w", err)
		}
		if err := d.count(line); err != nil {
			return d, err
		}
	}
}

func (d *done) count(line []byte) error {
	var e struct {
		Call, Verdict, Outcome, Reason string
		Args                           struct{ Flags any }
	}
	if err := json.Unmarshal(line, &e); err != nil {
		return fmt.Errorf("record %q: %w", line, err)
	}
	flags, _ := e.Args.Flags.([]any)
	switch {
	case e.Outcome == "continued" && slices.Contains(flags, any("O_PATH")):
		d.handles++
	case e.Outcome == "continued":
		d.left[e.Call]++
	case e.Outcome == "gone": // killed meanwhile
	case e.Verdict != "perform" || e.Outcome != "answered" || e.Reason != "":
		d.failed = append(d.failed, strings.TrimSpace(string(line)))
	default:
		d.performed[e.Call]++
	}
	return nil
}

// checkRecord fails for a run of which a call was lost, or in which not every file was opened by the supervisor: such a run
// compares little.
func checkRecord(t *testing.T, file string) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d, err := readRecord(f)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("performed: %s; left to the kernel: %s, and %d handles", counts(d.performed), counts(d.left), d.handles)
	if len(d.failed) > 0 {
		t.Errorf("calls that were not performed:\n%s", shortened(d.failed))
	}
	if d.performed["openat"] == 0 || d.left["openat"]+d.left["open"]+d.left["openat2"] > 0 {
		t.Errorf("files are not opened by the supervisor: performed %s; left to the kernel: %s", counts(d.performed), counts(d.left))
	}
}

func counts(by map[string]int) string {
	var text []string
	for _, call := range slices.Sorted(maps.Keys(by)) {
		text = append(text, fmt.Sprint(call, " ", by[call]))
	}
	if len(text) == 0 {
		return "none"
	}
	return strings.Join(text, ", ")
}

func TestReadRecord(t *testing.T) {
	d, err := readRecord(strings.NewReader(`{"call":"openat","verdict":"perform","outcome":"answered","value":3}
{"call":"openat","verdict":"perform","outcome":"answered","errno":"ENOENT"}
{"call":"openat","verdict":"perform","outcome":"gone","reason":"the caller died"}
{"call":"execve","verdict":"log","outcome":"continued","args":{"flags":1}}
{"call":"openat","verdict":"allow","outcome":"continued","args":{"flags":["O_RDONLY","O_PATH"]}}
{"call":"mkdir","verdict":"deny","outcome":"answered","errno":"ENOSYS"}
{"call":"stat","verdict":"perform","outcome":"answered","errno":"EPERM","reason":"unreadable"}
`))
	if err != nil || d.performed["openat"] != 2 || d.left["execve"] != 1 || d.handles != 1 || d.left["openat"] != 0 || len(d.failed) != 2 {
		t.Errorf("%+v, %v", d, err)
	}
	if _, err := readRecord(strings.NewReader("{")); err == nil {
		t.Error("a torn line is read")
	}
}
