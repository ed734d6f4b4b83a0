package audit

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
)

const schemaFile = "../docs/record.schema.json"

// schema compiles the published one, with its formats checked.
func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	c.AssertContent()
	s, err := c.Compile(schemaFile)
	if err != nil {
		t.Fatalf("compile the schema: %v", err)
	}
	return s
}

// valid checks one line.
func valid(t *testing.T, s *jsonschema.Schema, line []byte) {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(line))
	if err != nil {
		t.Errorf("not JSON: %v: %s", err, line)
		return
	}
	if err := s.Validate(v); err != nil {
		t.Errorf("not as the schema has it: %v: %s", err, line)
	}
}

func TestJSONRecord(t *testing.T) {
	denied := func(e *Event) {
		e.Outcome, e.Errno = Answered, unix.ENOENT
		e.Decision = policy.Decision{Verdict: policy.Deny, Rule: "secrets", At: "billing.yaml:12", Reason: `a "reason"`, Note: "a note", Version: 3}
	}
	const head = `{"time":"2026-01-02T03:04:05.678901234Z","pid":41,"tid":42,"abi":"x86_64","nr":257,"call":"openat",` +
		`"args":{"dirfd":3,"pathname":"/etc/passwd","flags":["O_RDONLY","O_CLOEXEC"]},`
	for _, test := range []struct {
		name  string
		event *Event
		want  string
	}{
		{"continued", opening(t, 42), head + `"verdict":"allow","outcome":"continued","duration_ns":5120}`},
		{"denied", changed(opening(t, 42), denied), head + `"verdict":"deny","outcome":"answered","errno":"ENOENT","rule":"secrets","at":"billing.yaml:12","engine":"supervisor",` +
			`"policy_version":3,"reason":"a \"reason\"","note":"a note","duration_ns":5120}`},
		{"value", changed(opening(t, 42), func(e *Event) { e.Outcome, e.Value, e.Decision.Verdict = Answered, 7, policy.Return }),
			head + `"verdict":"return","outcome":"answered","value":7,"duration_ns":5120}`},
		{"gone", changed(opening(t, 42), func(e *Event) { e.Outcome = Gone }),
			head + `"verdict":"allow","outcome":"gone","duration_ns":5120}`},
		{"failed", changed(opening(t, 42), func(e *Event) { e.Outcome, e.Decision.Reason = Failed, "no" }),
			head + `"verdict":"allow","outcome":"failed","reason":"no","duration_ns":5120}`},
		{"unknown process", changed(opening(t, 42), func(e *Event) { e.Caller.PID = 0 }),
			strings.Replace(head, `"pid":41,`, "", 1) + `"verdict":"allow","outcome":"continued","duration_ns":5120}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := AppendJSON(nil, test.event)
			if string(got) != test.want {
				t.Errorf("\n%s, want\n%s", got, test.want)
			}
			valid(t, schema(t), got)
		})
	}
}

// TestJSONOfEveryCall puts every call of some ABIs, with memory that can be read, that cannot, and that holds no text, through
// the schema.
func TestJSONOfEveryCall(t *testing.T) {
	s := schema(t)
	pointers := []uint64{0x1001, 0x2002, 0x3003, 0x4004, 0x5005, 0x6006}
	few := []uint64{1, 0x2000, 2, 0x4000, 3, 4}
	for _, abi := range []arch.ABI{arch.X86_64, arch.MIPS} {
		for nr := range abi.Calls() {
			for _, mem := range []arch.Memory{tile("/a\x00"), tile{1, 0, 0, 0, 0, 0, 0, 0}, tile{0xff, 0x80, 7}, nowhere{}, nil} {
				for _, args := range [][]uint64{nil, few, pointers} {
					e := Event{Time: received, Caller: policy.Caller{TID: 1}, Call: decodedBy(&arch.Decoder{MaxItems: 2, MaxString: 32, MaxData: 8}, abi, nr, mem, args...)}
					valid(t, s, AppendJSON(nil, &e))
				}
			}
		}
		if t.Failed() {
			return
		}
	}
}

// TestJSONOfUnknownCalls are the ones that no table has.
func TestJSONOfUnknownCalls(t *testing.T) {
	for _, call := range []*arch.Call{
		decoded(arch.X86_64, 500_000, nil, 1, 2, 3),
		decoded(arch.X86_64, -1, nil),
		{Nr: 7, Raw: arch.Data{Nr: 7}}, // of an unknown ABI
	} {
		e := Event{Time: received, Call: call, Decision: policy.Denial(unix.ENOSYS, "unknown ABI 0x1"), Outcome: Answered, Errno: unix.ENOSYS}
		valid(t, schema(t), AppendJSON(nil, &e))
	}
}

// TestSchemaRefuses makes sure that the validator has something to say.
func TestSchemaRefuses(t *testing.T) {
	s := schema(t)
	good := string(AppendJSON(nil, opening(t, 42)))
	for _, change := range [][2]string{
		{`"tid":42,`, ``}, {`"outcome":"continued"`, `"outcome":"done"`}, {`2026-01-02T`, `2026-01-02 `}, {`"nr":257`, `"nr":"257"`},
		{`"outcome":"continued"`, `"outcome":"answered","errno":"ENOENT","value":1`}, {`"duration_ns":5120`, `"duration_ns":-1`},
	} {
		bad := strings.Replace(good, change[0], change[1], 1)
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(bad))
		if err != nil {
			t.Fatal(err)
		}
		if s.Validate(v) == nil {
			t.Errorf("accepted: %s", bad)
		}
	}
}

// TestJSONDocumented wants each member that is written in the schema and in the description.
func TestJSONDocumented(t *testing.T) {
	e := changed(opening(t, 42), func(e *Event) {
		e.Outcome, e.Errno = Answered, unix.EPERM
		e.Decision = policy.Decision{Rule: "r", At: "p.yaml:1", Reason: "r", Note: "n", Version: 1}
	})
	var record map[string]any
	if err := json.Unmarshal(AppendJSON(nil, e), &record); err != nil {
		t.Fatal(err)
	}
	record["value"] = 0 // never beside errno
	text, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	var published struct{ Properties map[string]any }
	if err := json.Unmarshal(text, &published); err != nil {
		t.Fatal(err)
	}
	description, err := os.ReadFile("../docs/json.md")
	if err != nil {
		t.Fatal(err)
	}
	for name := range record {
		if published.Properties[name] == nil {
			t.Errorf("%s has no %q", schemaFile, name)
		}
		if !bytes.Contains(description, []byte("`"+name+"`")) {
			t.Errorf("docs/json.md does not explain %q", name)
		}
	}
	for name := range published.Properties {
		if _, written := record[name]; !written {
			t.Errorf("%s has %q, which nobody writes", schemaFile, name)
		}
	}
}

func TestJSONSink(t *testing.T) {
	var out bytes.Buffer
	sink := NewJSON(&out, JSONOptions{})
	if n := sink.Needs(); !n.Time || !n.Duration || !n.PID || !n.Args || n.FDPaths {
		t.Errorf("needs %+v", n)
	}
	sink.Record(opening(t, 1))
	sink.Record(opening(t, 2))
	if err := sink.Close(); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines: %q", len(lines), out.String())
	}
	for _, line := range lines {
		valid(t, schema(t), []byte(line))
	}
}

func TestJSONAllocates(t *testing.T) {
	noAllocations(t, NewJSON(fault{}, JSONOptions{}), opening(t, 42))
}

// noAllocations records events until the buffers have their size, and then counts.
func noAllocations(t *testing.T, sink Sink, e *Event) {
	t.Helper()
	for range 10 {
		sink.Record(e)
	}
	if n := testing.AllocsPerRun(1000, func() { sink.Record(e) }); n != 0 {
		t.Errorf("%v allocations per line", n)
	}
}
