package callspec

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"syscall"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/internal/nearest"
	"github.com/stead-project/stead/policy"
)

// A Recorded is one line of an audit stream: the call, rebuilt, and what was decided about it then.
type Recorded struct {
	Call    *arch.Call
	Caller  policy.Caller
	Verdict policy.Verdict
	Errno   syscall.Errno // what the caller was given, of this machine's numbers; 0: none, or not recorded
	Value   int64         // what the caller was given, on success
	Outcome string        // continued, answered, gone or failed
	Rule    string        // the rule that decided, "" if none did
	Reason  string        // why, where the rule did not say it
	Version uint64        // of the policy, 0 without one
}

// A NotReplayable is the error for a line that is a record, but of a call whose arguments were not recorded whole: nothing can be
// decided about it again.
type NotReplayable struct {
	Call string // its name
	Err  error  // what is missing
}

// Error names the call and what is missing.
func (e *NotReplayable) Error() string { return "replay " + shorten(e.Call) + ": " + e.Err.Error() }

// Unwrap returns what is missing.
func (e *NotReplayable) Unwrap() error { return e.Err }

// recordLine has the members of docs/json.md that matter here.
type recordLine struct {
	PID     int             `json:"pid"`
	TID     int             `json:"tid"`
	ABI     string          `json:"abi"`
	Nr      *int32          `json:"nr"`
	Call    string          `json:"call"`
	Args    json.RawMessage `json:"args"`
	Verdict string          `json:"verdict"`
	Outcome string          `json:"outcome"`
	Errno   string          `json:"errno"`
	Value   int64           `json:"value"`
	Rule    string          `json:"rule"`
	Reason  string          `json:"reason"`
	Version uint64          `json:"policy_version"`
}

// FromRecord reads a line that stead trace --format json wrote (docs/json.md); members that it does not know are ignored. The
// error is a *NotReplayable if the line is in order but the call cannot be rebuilt. Of such a line everything but Call is
// returned.
func FromRecord(line []byte) (Recorded, error) {
	var l recordLine
	if len(line) > MaxRecord {
		return Recorded{}, fmt.Errorf("read record: longer than %d bytes", MaxRecord)
	}
	if err := json.Unmarshal(line, &l); err != nil {
		return Recorded{}, fmt.Errorf("read record: not a line of stead trace --format json: %w", err)
	}
	r, abi, err := l.facts()
	if err != nil {
		return Recorded{}, fmt.Errorf("read record: %w", err)
	}
	if r.Call, err = l.rebuild(abi); err != nil {
		return r, &NotReplayable{Call: l.Call, Err: err}
	}
	return r, nil
}

// facts is everything but the call.
func (l *recordLine) facts() (Recorded, arch.ABI, error) {
	r := Recorded{Caller: policy.Caller{PID: l.PID, TID: l.TID}, Value: l.Value, Outcome: l.Outcome, Rule: l.Rule,
		Reason: l.Reason, Version: l.Version}
	if l.Call == "" || l.ABI == "" {
		return r, 0, errors.New(`it has no "call" or no "abi": is it a line of stead trace --format json?`)
	}
	abi, err := arch.ParseABI(shorten(l.ABI))
	if err != nil {
		return r, 0, err
	}
	var ok bool
	if r.Verdict, ok = ParseVerdict(l.Verdict); !ok {
		return r, 0, fmt.Errorf("unknown verdict %q%s", shorten(l.Verdict), nearest.DidYouMean(l.Verdict, VerdictNames()))
	}
	if r.Errno, ok = ParseErrno(l.Errno); !ok && l.Errno != "" {
		return r, 0, fmt.Errorf("unknown errno %q", shorten(l.Errno))
	}
	return r, abi, nil
}

// ParseVerdict finds a verdict by its word in the policy language.
func ParseVerdict(word string) (policy.Verdict, bool) {
	for v, name := range VerdictNames() {
		if name == word {
			return policy.Verdict(v), true
		}
	}
	return policy.Deny, false
}

// VerdictNames are the words for the verdicts, by number.
func VerdictNames() []string {
	var names []string
	for v := policy.Deny; v <= policy.Ask; v++ {
		names = append(names, v.String())
	}
	return names
}

// maxErrno is the kernel's MAX_ERRNO.
const maxErrno = 4095

// ParseErrno is an error of this machine by its name (errno(3)), or by its number.
func ParseErrno(name string) (syscall.Errno, bool) {
	if n, err := strconv.ParseUint(name, 10, 16); err == nil {
		return syscall.Errno(n), n > 0 && n <= maxErrno
	}
	abi := arch.Native()
	if abi == 0 {
		abi = arch.X86_64
	}
	n, ok := abi.Errno(name)
	return syscall.Errno(n), ok
}

func (l *recordLine) rebuild(abi arch.ABI) (*arch.Call, error) {
	p := jsonReader{}
	args, err := p.args(l.Args)
	if err != nil {
		return nil, err
	}
	e := newEncoder(abi, args, true)
	if id, ok := arch.LookupID(l.Call); !ok || abi.Signature(id) == nil {
		for i := range e.nodes {
			e.nodes[i].name = "" // arg1 to arg6
		}
	}
	c, err := e.build(l.Call, l.Nr)
	var bad *Error
	if errors.As(err, &bad) {
		bad.Column = 0 // a record has no columns
	}
	return c, err
}

// A jsonReader makes nodes of a record's arguments.
type jsonReader struct{ nodes int }

// jsonMember is one member of an object, in the order of the text.
type jsonMember struct {
	name  string
	value json.RawMessage
}

func (r *jsonReader) args(raw json.RawMessage) ([]node, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	s := jsonScanner{text: raw}
	members, err := s.object()
	if err != nil {
		return nil, fmt.Errorf("its args are not an object: %w", err)
	}
	return r.members(members, 0)
}

func (r *jsonReader) members(list []jsonMember, depth int) ([]node, error) {
	var out []node
	for _, m := range list {
		n, err := r.value(m.value, depth+1)
		if err != nil {
			return nil, err
		}
		n.name = m.name
		out = append(out, n)
	}
	return out, nil
}

func (r *jsonReader) value(raw json.RawMessage, depth int) (n node, err error) {
	if r.nodes++; r.nodes > maxNodes || depth > MaxDepth {
		return n, fmt.Errorf("more than %d values, or nested deeper than %d", maxNodes, MaxDepth)
	}
	switch raw[0] {
	case '{':
		return r.object(raw, depth)
	case '[':
		return r.list(raw, depth)
	case '"':
		var s string
		err = json.Unmarshal(raw, &s)
		return node{kind: nodeString, bytes: []byte(s)}, err
	case 'n':
		return node{kind: nodeNull}, nil
	}
	return jsonNumber(string(raw))
}

func jsonNumber(s string) (node, error) {
	if v, err := strconv.ParseInt(s, 10, 64); err == nil {
		return node{terms: []term{{num: uint64(v), negative: v < 0}}}, nil
	}
	v, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return node{}, fmt.Errorf("%s is not an integer", shorten(s))
	}
	return node{terms: []term{{num: v}}}, nil
}

func (r *jsonReader) list(raw json.RawMessage, depth int) (node, error) {
	s := jsonScanner{text: raw}
	items, err := s.list()
	n := node{kind: nodeList}
	for _, item := range items {
		if err != nil {
			break
		}
		var one node
		one, err = r.value(item, depth+1)
		n.list = append(n.list, one)
	}
	return n, err
}

// object is a struct, an address, bytes that are no text, or a report of what could not be read.
func (r *jsonReader) object(raw json.RawMessage, depth int) (node, error) {
	s := jsonScanner{text: raw}
	members, err := s.object()
	if err != nil {
		return node{}, err
	}
	if n, ok := plainBytesOf(members); ok {
		return n, nil
	}
	if state := errorOf(members); state != "" {
		return r.broken(members, state, depth)
	}
	list, err := r.members(members, depth)
	return node{kind: nodeStruct, list: list}, err
}

func plainBytesOf(members []jsonMember) (n node, ok bool) {
	if len(members) != 1 || members[0].name != "bytes" {
		return n, false
	}
	var text string
	if json.Unmarshal(members[0].value, &text) != nil {
		return n, false
	}
	b, err := base64.StdEncoding.DecodeString(text)
	return node{kind: nodeString, bytes: b}, err == nil
}

// errorOf is what "error" says, if it is a string: a struct's field of that name is a number.
func errorOf(members []jsonMember) (state string) {
	for _, m := range members {
		if m.name == "error" && json.Unmarshal(m.value, &state) == nil {
			return state
		}
	}
	return ""
}

// broken keeps the beginning of what was truncated, which is enough of a buffer, and says of anything else why it is missing.
func (r *jsonReader) broken(members []jsonMember, state string, depth int) (node, error) {
	for _, m := range members {
		if m.name == "value" && state == "truncated" {
			n, err := r.value(m.value, depth+1)
			if n.more = true; n.kind == nodeStruct {
				n = node{kind: nodeBroken, bytes: []byte("it was recorded in part: it is larger than the struct known here")}
			}
			return n, err
		}
	}
	return node{kind: nodeBroken, bytes: []byte("it was recorded as " + shorten(state))}, nil
}
