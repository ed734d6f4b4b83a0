package audit

import (
	"bytes"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
)

func TestCount(t *testing.T) {
	var out bytes.Buffer
	sink := NewCount(&out)
	if sink.Needs() != (Needs{}) {
		t.Errorf("counting needs %+v", sink.Needs())
	}
	for range 3 {
		sink.Record(opening(t, 1))
	}
	sink.Record(&Event{Call: decoded(arch.MIPSEL64N32, number(t, arch.MIPSEL64N32, "openat"), nil), Outcome: Answered, Errno: unix.EPERM})
	sink.Record(&Event{Call: decoded(arch.X86_64, number(t, arch.X86_64, "close"), nil), Outcome: Gone})
	sink.Record(&Event{Call: decoded(arch.X86_64, 777_777, nil), Outcome: Answered})
	if err := sink.Close(); err != nil {
		t.Fatal(err)
	}
	want := `% calls      calls   denied     gone abi         syscall
  50.00          3        0        0 x86_64      openat
  16.67          1        0        1 x86_64      close
  16.67          1        1        0 mipsel64n32 openat
  16.67          1        0        0 x86_64      syscall_0xbde31
 100.00          6        1        1             total
`
	if out.String() != want {
		t.Errorf("\n%s\nwant\n%s", out.String(), want)
	}
}

// The columns hold for every ABI's name.
func TestCountAligned(t *testing.T) {
	var out bytes.Buffer
	sink := NewCount(&out)
	for _, abi := range arch.ABIs() {
		sink.Record(&Event{Call: &arch.Call{ABI: abi, Nr: 1}})
	}
	sink.Close()
	rows := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	column := strings.Index(rows[0], "syscall")
	for _, row := range rows {
		if len(row) <= column || row[column-1] != ' ' || row[column] == ' ' {
			t.Errorf("not aligned: %q", row)
		}
	}
}

func TestCountOfNothing(t *testing.T) {
	var out bytes.Buffer
	if err := NewCount(&out).Close(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), " 100.00          0        0        0             total\n") {
		t.Errorf("%q", out.String())
	}
}

func TestCountLost(t *testing.T) {
	sink := NewCount(fault{err: unix.ENOSPC})
	sink.Record(opening(t, 1))
	sink.Record(opening(t, 1))
	if err := sink.Close(); err == nil || sink.Dropped() != 2 {
		t.Errorf("error %v, %d lost, want an error and 2", err, sink.Dropped())
	}
}

func TestCountTogether(t *testing.T) {
	var out bytes.Buffer
	sink := NewCount(&out)
	event := opening(t, 1)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 1000 {
				sink.Record(event)
			}
		})
	}
	all.Wait()
	sink.Close()
	if !strings.Contains(out.String(), " 8000 ") {
		t.Errorf("calls are missing: %s", out.String())
	}
}
