package compiler

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/policy/cond"
	"github.com/stead-project/stead/policy/filter"
	"github.com/stead-project/stead/policy/lang"
)

// A lottery draws documents and calls.
type lottery struct{ *rand.Rand }

func draw[T any](r lottery, list ...T) T { return list[r.IntN(len(list))] }

// A subject is a call with what may be asked of it: parameters in registers, and one in memory.
type subject struct {
	name, path string
	params     []string
}

func subjects() []subject {
	return []subject{
		{"getpriority", "", []string{"which", "who"}}, {"socket", "", []string{"domain", "type", "protocol"}},
		{"openat", "pathname", []string{"flags", "dirfd", "mode"}}, {"mkdirat", "pathname", []string{"mode", "dirfd"}},
		{"mmap", "", []string{"prot", "length"}}, {"pread64", "", []string{"offset", "fd"}}, {"lseek", "", []string{"whence", "fd"}},
		{"send", "", []string{"flags", "fd"}}, {"shmget", "", []string{"size"}}, {"fcntl", "", []string{"fd"}},
	}
}

// number is a constant that both signed and unsigned parameters take.
func (r lottery) number() string {
	return draw(r, "0", "1", "2", "3", "38", "100", "0x7fffffff", "4096", "65535")
}

func (r lottery) test(s subject) string {
	switch r.IntN(9) {
	case 0:
		return "caller.uid == " + draw(r, "0", "1000")
	case 1:
		if s.path != "" {
			return s.path + draw(r, `.under("/srv")`, ` == "/srv/x"`, `.matches("/s*/x")`)
		}
	case 2:
		return fmt.Sprintf("%s in [%s, %s]", draw(r, s.params...), r.number(), r.number())
	}
	return fmt.Sprintf("%s %s %s", draw(r, s.params...), draw(r, "==", "==", "!=", "<", "<=", ">", ">="), r.number())
}

func (r lottery) condition(s subject, depth int) string {
	if depth == 0 || r.IntN(3) == 0 {
		return r.test(s)
	}
	text := "(" + r.condition(s, depth-1) + draw(r, " && ", " || ") + r.condition(s, depth-1) + ")"
	return draw(r, "", "", "!") + text
}

// document draws a policy's text. Conditions on memory get refusals only, for others do not compile.
func (r lottery) document() string {
	var b strings.Builder
	refusals := []string{"{deny: ENOENT}", "{deny: EACCES}", "kill", "{return: 7}", "{return: 0}", "ask"}
	fmt.Fprintf(&b, "default: %s\nrules:\n", draw(r, "allow", "{deny: EPERM}", "{deny: ENOSYS}", "log", "kill"))
	for range 1 + r.IntN(8) {
		s := draw(r, subjects()...)
		when, then := "", draw(r, append(refusals, "allow", "allow", "allow", "log")...)
		if r.IntN(5) > 0 {
			when = r.condition(s, r.IntN(3))
		}
		if s.path != "" && strings.Contains(when, s.path) {
			then = draw(r, refusals...)
		}
		var calls string
		if when == "" {
			calls = draw(r, s.name, s.name+", '%network'", s.name+", '%ipc'")
		} else {
			calls = s.name
		}
		fmt.Fprintf(&b, "  - {calls: [%s], then: %s%s}\n", calls, then, map[bool]string{true: ", when: '" + when + "'"}[when != ""])
	}
	return b.String()
}

// compile gives a document and its program; nil where it could be raced or can never hold.
func (r lottery) compile(t *testing.T, text string, o Options) (*policy.Document, *Program) {
	t.Helper()
	doc, err := lang.Parse("test.yaml", []byte(head+text), lang.Options{})
	if err != nil {
		return nil, nil
	}
	p, err := Compile(doc, o)
	if err == nil {
		return doc, p
	}
	for _, known := range []string{"race: accepted", "can never hold", "out of range", "is negative", "no call", "bits"} {
		if strings.Contains(err.Error(), known) {
			return nil, nil
		}
	}
	t.Fatalf("%v\n%s", err, text)
	return nil, nil
}

// scene is a target's memory with a path, and a multiplexer's block.
type scene struct {
	path string
	args [6]uint32
}

const pathAddr = 0x5000

func (s *scene) ReadMem(p []byte, addr uint64) (int, error) {
	if addr >= pathAddr && addr <= pathAddr+uint64(len(s.path)) {
		return copy(p, append([]byte(s.path), 0)[addr-pathAddr:]), nil
	}
	return words(s.args[:]).ReadMem(p, addr)
}

// someone is who calls.
type someone struct{ uid uint32 }

func (s someone) UID() (uint32, error)  { return s.uid, nil }
func (s someone) GID() (uint32, error)  { return s.uid, nil }
func (s someone) Exe() (string, error)  { return "/bin/x", nil }
func (s someone) Comm() (string, error) { return "x", nil }
func (s someone) Cwd() (string, error)  { return "/srv", nil }

func (r lottery) register() uint64 {
	v := draw[uint64](r, 0, 1, 2, 3, 38, 100, 101, 99, 4096, 65535, 0x7fffffff, 0xffffffff, pathAddr)
	return v | draw[uint64](r, 0, 0, 0, 1<<32, 1<<63, 0xffffffff<<32)
}

// call draws a call that the documents speak about, perhaps through a multiplexer.
func (r lottery) call(abi arch.ABI) (arch.Data, *scene) {
	s := &scene{path: draw(r, "/srv", "/srv/x", "/sss/x", "/etc", "x", "")}
	d := arch.Data{ABI: abi}
	for i := range d.Args {
		d.Args[i], s.args[i] = r.register(), uint32(r.register())
		if abi == arch.I386 {
			d.Args[i] &= 1<<32 - 1
		}
	}
	name := draw(r, subjects()...).name
	if s.path != "" && r.IntN(2) == 0 {
		d.Args[1] = pathAddr
	}
	carriers := map[string][]uint64{"socket": {1}, "send": {9}, "shmget": {23}}
	nr, ok := abi.Number(name)
	if part := carriers[name]; part != nil && abi == arch.I386 && (!ok || r.IntN(2) == 0) {
		nr, _ = abi.Number(map[bool]string{true: "ipc", false: "socketcall"}[name == "shmget"])
		d.Args[0] = part[0]
		if name != "shmget" {
			d.Args[1] = block
		}
	} else if !ok {
		nr = 9999
	}
	if name == "mmap" && abi == arch.I386 {
		d.Args[0] = block
	}
	d.Nr = nr
	return d, s
}

// undecidable stands for the errno of a denial because of something that went wrong, which the document does not say.
const undecidable = syscall.Errno(4000)

// reference decides a call by reading the document from top to bottom.
func reference(t *testing.T, doc *policy.Document, c *arch.Call, who cond.CallerInfo) policy.Action {
	t.Helper()
	for i := range doc.Rules {
		r := &doc.Rules[i]
		if !r.Calls.Has(c.ID) {
			continue
		}
		if r.When.Text == "" {
			return r.Then
		}
		source, err := cond.Parse(r.When)
		if err != nil {
			t.Fatal(err)
		}
		expr, err := source.Bind(c.ABI, c.ID)
		if err != nil {
			continue // it can never hold
		}
		ctx := &cond.Context{}
		ctx.Reset(c, who)
		holds, err := expr.Eval(ctx)
		if err != nil {
			return policy.Action{Verdict: policy.Deny, Errno: undecidable}
		}
		if holds {
			return r.Then
		}
	}
	return doc.Default
}

// plain is a filter's answer to a verdict if nothing is recorded.
func plain(v policy.Verdict, errno syscall.Errno, value int64) filter.Action {
	switch {
	case v == policy.Allow:
		return filter.Allow
	case v == policy.Kill:
		return filter.KillProcess
	case v == policy.Deny && errno == 0:
		return filter.Errno(syscall.EPERM)
	case v == policy.Deny:
		return filter.Errno(errno)
	case v == policy.Return && value == 0:
		return filter.Errno(0)
	}
	return filter.Notify
}

// An exam is a document with all that is made of it.
type exam struct {
	doc              *policy.Document
	prog, recording  *Program
	built            filter.Program
	decided, permits int
}

// check says what is wrong with the treatment of a call, "" if nothing.
func (x *exam) check(t *testing.T, d arch.Data, s *scene, who cond.CallerInfo) string {
	c := new(arch.Call)
	new(arch.Decoder).Decode(c, d, s)
	caller := func(policy.Caller) cond.CallerInfo { return who }
	got := x.prog.Decider(caller).Decide(&policy.Request{Call: c})
	want := reference(t, x.doc, c, who)
	byRecording := x.recording.Decider(caller).Decide(&policy.Request{Call: c})
	if want.Errno == undecidable && got.Reason != "" {
		want.Errno = got.Errno
	}
	indirect := c.Mux != 0 || arch.InBlock(d.ABI, c.ID)
	if got.Verdict.Continues() {
		x.permits++
	}
	kernel, recorded := x.prog.Lists.Decide(d), x.recording.Lists.Decide(d)
	should := plain(got.Verdict, got.Errno, got.Value)
	switch {
	case indirect && got.Verdict.Continues() && !want.Verdict.Continues():
		return fmt.Sprintf("decided %v, the document says %v", got, want)
	case !indirect && (got.Verdict != want.Verdict || got.Errno != want.Errno || got.Value != want.Value):
		return fmt.Sprintf("decided %v, the document says %v", got, want)
	case got.Verdict != byRecording.Verdict || got.Errno != byRecording.Errno || got.Value != byRecording.Value:
		return fmt.Sprintf("decided %v, if it is recorded %v", got, byRecording)
	case kernel != filter.Notify && kernel != should:
		return fmt.Sprintf("the lists say %v, the decider %v", kernel, got)
	case recorded != filter.Notify && recorded != should:
		return fmt.Sprintf("the lists of a recording policy say %v, the decider %v", recorded, got)
	case recorded != filter.Notify && got.Verdict != policy.Allow:
		return fmt.Sprintf("%v is not recorded", got)
	}
	if kernel != filter.Notify {
		x.decided++
	}
	return x.interpret(d, kernel)
}

// interpret runs the built filter, if there is one.
func (x *exam) interpret(d arch.Data, lists filter.Action) string {
	if x.built == nil {
		return ""
	}
	ran, err := x.built.Run(d.ABI, d.Nr, d.Args)
	if err != nil {
		return err.Error()
	}
	if a := filter.Action(ran); a != lists && a != filter.Notify {
		return fmt.Sprintf("the filter gives %v, the lists %v", a, lists)
	}
	return ""
}

func machines() [][]arch.ABI {
	return [][]arch.ABI{{arch.X86_64, arch.I386}, {arch.AArch64}}
}

func (r lottery) exam(t *testing.T, abis []arch.ABI) (string, *exam) {
	text := r.document()
	o := Options{ABIs: abis}
	doc, p := r.compile(t, text, o)
	if p == nil {
		return text, nil
	}
	o.Record = true
	recording, err := Compile(doc, o)
	if err != nil {
		t.Fatalf("compiles only unrecorded: %v\n%s", err, text)
	}
	return text, &exam{doc: doc, prog: p, recording: recording}
}

// What the compiler makes of a document decides as the document does: in the supervisor, in the lists and in the filter.
func TestDecidesAsTheDocument(t *testing.T) {
	r := lottery{rand.New(rand.NewPCG(11, 12))}
	rounds, calls, done, decided, permits := 400, 60, 0, 0, 0
	if testing.Short() {
		rounds = 60
	}
	for round := range rounds {
		abis := machines()[round%2]
		text, x := r.exam(t, abis)
		if x == nil {
			continue
		}
		if round%4 < 2 {
			res, err := filter.BuildLists(x.prog.Lists)
			if err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			x.built = res.Program
		}
		done++
		for range calls {
			d, s := r.call(draw(r, abis...))
			who := someone{draw[uint32](r, 0, 1000)}
			if wrong := x.check(t, d, s, who); wrong != "" {
				t.Fatalf("%s %s(%#x), memory %+v, uid %d: %s\n%s", d.ABI, d.ABI.Name(d.Nr), d.Args, *s, who.uid, wrong, text)
			}
		}
		decided, permits = decided+x.decided, permits+x.permits
	}
	t.Logf("%d documents; of %d calls %d decided in the kernel, %d permitted", done, done*calls, decided, permits)
	if done < rounds/4 || decided < done*calls/4 || permits < done*calls/20 {
		t.Error("too few to show anything")
	}
}

// damage makes one mistake that a compiler could make: a condition lost, an answer too kind, a rule lost, or in the wrong order.
func (r lottery) damage(l *filter.Lists) bool {
	d := &l.ABIs[r.IntN(len(l.ABIs))]
	for _, id := range slices.Sorted(maps.Keys(d.Calls)) {
		list := d.Calls[id]
		if len(list) < 2 || id.Name() == "getppid" {
			continue
		}
		list = append([]filter.Clause(nil), list...)
		i := r.IntN(len(list))
		switch r.IntN(4) {
		case 0:
			list[i].When = nil
		case 1:
			list[i].Then = filter.Allow
		case 2:
			list = append(list[:i], list[i+1:]...)
		default:
			list[0], list[i] = list[i], list[0]
		}
		d.Calls[id] = list
		return true
	}
	return false
}

// The checks of this file notice mistakes.
func TestDamageIsNoticed(t *testing.T) {
	r := lottery{rand.New(rand.NewPCG(13, 14))}
	damaged, noticed := 0, 0
	for damaged < 150 {
		_, x := r.exam(t, machines()[0])
		if x == nil || !r.damage(&x.prog.Lists) {
			continue
		}
		damaged++
		for range 400 {
			d, s := r.call(draw(r, machines()[0]...))
			if x.check(t, d, s, someone{draw[uint32](r, 0, 1000)}) != "" {
				noticed++
				break
			}
		}
	}
	t.Logf("%d of %d damaged lists were noticed", noticed, damaged)
	if noticed < damaged/5 { // many change nothing: two clauses that say the same, a clause that never decides
		t.Error("mistakes go unnoticed")
	}
}
