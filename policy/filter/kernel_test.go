package filter

import (
	"bytes"
	"encoding/binary"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
)

// callsProgram builds the child that makes calls with given registers under a given filter.
func callsProgram(t *testing.T) string {
	t.Helper()
	if arch.Native() != arch.X86_64 {
		t.Skip("the child makes calls of x86_64 and i386")
	}
	bin := filepath.Join(t.TempDir(), "calls")
	if out, err := exec.Command("cc", "-O1", "-static", "-o", bin, filepath.Join("testdata", "calls.c")).CombinedOutput(); err != nil {
		t.Fatalf("build child: %v\n%s", err, out)
	}
	return bin
}

// kernelCall is struct call of the child.
type kernelCall struct {
	I386 uint32
	Nr   int32
	Args [6]uint64
}

func runCalls(t *testing.T, bin string, p Program, calls []kernelCall) []int64 {
	t.Helper()
	var in, out bytes.Buffer
	for _, part := range []any{uint32(len(p)), []unix.SockFilter(p), uint32(len(calls)), calls} {
		if err := binary.Write(&in, binary.LittleEndian, part); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(bin)
	cmd.Stdin, cmd.Stdout = &in, &out
	if err := cmd.Run(); err != nil {
		t.Fatalf("child: %v", err)
	}
	results := make([]int64, len(calls))
	if err := binary.Read(&out, binary.LittleEndian, results); err != nil {
		t.Fatal(err)
	}
	return results
}

// harmless are calls that change nothing, whatever their registers hold.
var harmless = [...]string{"getpriority", "sched_get_priority_max", "getpgid", "getsid"}

// kernelErrno is one that no harmless call fails with.
const kernelErrno = 2000

// The kernel answers as the lists say, or, where libseccomp cannot say that, notifies: without a listener, ENOSYS.
func TestKernelAgrees(t *testing.T) {
	bin := callsProgram(t)
	r := newLottery(5)
	rounds, exact, all := 60, 0, 0
	if testing.Short() {
		rounds = 10
	}
	for range rounds {
		l := Lists{BadABI: KillProcess, ABIs: []Decisions{r.harmless(t, arch.X86_64), r.harmless(t, arch.I386)}}
		res, err := BuildLists(l)
		if err != nil {
			t.Fatal(err)
		}
		var calls []kernelCall
		var data []arch.Data
		for i := range l.ABIs {
			for range 400 {
				d := r.harmlessCall(t, &l.ABIs[i])
				c := kernelCall{Nr: d.Nr, Args: d.Args}
				if d.ABI == arch.I386 {
					c.I386 = 1
				}
				calls, data = append(calls, c), append(data, d)
			}
		}
		for i, got := range runCalls(t, bin, res.Program, calls) {
			want := l.Decide(data[i])
			failed := got <= -kernelErrno && got > -maxErrno
			if notified := got == -int64(unix.ENOSYS); !notified && failed != (want != Allow) || failed && Errno(unix.Errno(-got)) != want {
				t.Fatalf("%s %s(%#x) returns %d, the list says %s", data[i].ABI, data[i].ABI.Name(data[i].Nr), data[i].Args, got, want)
			}
			if all++; got != -int64(unix.ENOSYS) {
				exact++
			}
		}
	}
	t.Logf("%d calls of real children, %d of them decided by the kernel", all, exact)
	if exact < all*8/10 {
		t.Error("too few are decided by the kernel")
	}
}

// harmless draws lists with actions that a child survives.
func (r lottery) harmless(t *testing.T, abi arch.ABI) Decisions {
	d := Decisions{ABI: abi, Default: Allow, Calls: map[arch.ID][]Clause{}}
	for i, name := range harmless {
		list := r.list(1 + r.IntN(3))
		for j := range list {
			list[j].Then = Allow
			if r.IntN(3) > 0 {
				list[j].Then = Errno(kernelErrno + unix.Errno(10*i+j))
			}
		}
		d.Calls[id(t, name)] = list
	}
	return d
}

func (r lottery) harmlessCall(t *testing.T, d *Decisions) arch.Data {
	call := id(t, harmless[r.IntN(len(harmless))])
	nr, ok := d.ABI.NumberOf(call)
	if !ok {
		t.Fatalf("%s has no %s", d.ABI, call)
	}
	data := arch.Data{ABI: d.ABI, Nr: nr}
	for i := range data.Args {
		data.Args[i] = r.near(d.Calls[call])
		if d.ABI == arch.I386 {
			data.Args[i] = uint64(uint32(data.Args[i]))
		}
	}
	return data
}
