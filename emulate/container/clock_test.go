package container

import (
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// clocks reads, and sets what it has read, or what no clock can be. Nothing moves the machine's clock.
func clocks(c *container) {
	const bad = uintptr(8)
	pair := func(a, b int64) uintptr { return address(words([]uint64{uint64(a), uint64(b)})) }
	file := func(fd int) uintptr { return uintptr(^fd<<3 | 3) }
	zone := address(make([]byte, 8))
	for _, s := range []struct {
		name string
		nr   uintptr
		args []uintptr
	}{
		{"settime null", unix.SYS_CLOCK_SETTIME, []uintptr{0, 0}}, {"settime bad", unix.SYS_CLOCK_SETTIME, []uintptr{0, bad}},
		{"settime nanoseconds", unix.SYS_CLOCK_SETTIME, []uintptr{0, pair(1, 1e9)}}, {"settime before", unix.SYS_CLOCK_SETTIME, []uintptr{0, pair(-1, 0)}},
		{"settime negative", unix.SYS_CLOCK_SETTIME, []uintptr{0, pair(1, -1)}}, {"settime far", unix.SYS_CLOCK_SETTIME, []uintptr{0, pair(1<<62, 0)}},
		{"settime monotonic", unix.SYS_CLOCK_SETTIME, []uintptr{1, pair(1, 0)}}, {"settime of no clock", unix.SYS_CLOCK_SETTIME, []uintptr{99, pair(1, 0)}},
		{"settime of a process", unix.SYS_CLOCK_SETTIME, []uintptr{2, pair(1, 0)}}, {"settime of a file", unix.SYS_CLOCK_SETTIME, []uintptr{file(0), pair(1, 0)}},
		{"settime of a closed file", unix.SYS_CLOCK_SETTIME, []uintptr{file(999), pair(1, 0)}},
		{"settime with upper bits", unix.SYS_CLOCK_SETTIME, []uintptr{1<<32 | 1, pair(1, 0)}},
		{"timeofday nothing", unix.SYS_SETTIMEOFDAY, []uintptr{0, 0}}, {"timeofday bad", unix.SYS_SETTIMEOFDAY, []uintptr{bad, 0}},
		{"timeofday bad zone", unix.SYS_SETTIMEOFDAY, []uintptr{0, bad}}, {"timeofday microseconds", unix.SYS_SETTIMEOFDAY, []uintptr{pair(1, 1e6+1), 0}},
		{"timeofday negative", unix.SYS_SETTIMEOFDAY, []uintptr{pair(1, -1), zone}}, {"timeofday before", unix.SYS_SETTIMEOFDAY, []uintptr{pair(-1, 0), 0}},
		{"timeofday far zone", unix.SYS_SETTIMEOFDAY, []uintptr{0, address([]byte{0xff, 0xff, 0, 0, 0, 0, 0, 0})}},
		{"adjtimex null", unix.SYS_ADJTIMEX, []uintptr{0}}, {"adjtimex bad", unix.SYS_ADJTIMEX, []uintptr{bad}},
		{"clock_adjtime bad", unix.SYS_CLOCK_ADJTIME, []uintptr{0, bad}}, {"clock_adjtime of no clock", unix.SYS_CLOCK_ADJTIME, []uintptr{99, zone}},
	} {
		c.err(s.name, raw(s.nr, s.args...))
	}
	for _, clock := range []int32{0, 1, 2, 4, 7, 11, 99, -1, -5} {
		tx := unix.Timex{}
		_, err := unix.ClockAdjtime(clock, &tx)
		c.err(fmt.Sprint("clock_adjtime ", clock), err)
	}
	c.adjust()
}

func (c *container) adjust() {
	tx := unix.Timex{}
	state, err := unix.Adjtimex(&tx)
	c.err("read", err)
	c.say("told", fmt.Sprint(state >= 0, tx.Tick, tx.Freq, tx.Status&unix.STA_UNSYNC, tx.Time.Sec > 1e9, tx.Tolerance, tx.Tai))
	for name, modes := range map[string]uint32{"tick": unix.ADJ_TICK, "frequency": unix.ADJ_FREQUENCY, "both": unix.ADJ_TICK | unix.ADJ_FREQUENCY} {
		same := unix.Timex{Modes: modes, Tick: tx.Tick, Freq: tx.Freq}
		_, err := unix.Adjtimex(&same)
		c.err("adjtimex "+name, err)
		again := unix.Timex{Modes: modes, Tick: tx.Tick, Freq: tx.Freq}
		_, err = unix.ClockAdjtime(unix.CLOCK_REALTIME, &again)
		c.err("clock_adjtime "+name, err)
		c.say("still "+name, fmt.Sprint(again.Tick, again.Freq))
	}
	for name, bad := range map[string]unix.Timex{"small tick": {Modes: unix.ADJ_TICK, Tick: 1}, "large tick": {Modes: unix.ADJ_TICK, Tick: 1 << 40},
		"single shot": {Modes: 0x8000}, "time": {Modes: unix.ADJ_SETOFFSET, Time: unix.Timeval{Usec: -1}}} {
		_, err := unix.Adjtimex(&bad)
		c.err("adjtimex "+name, err)
	}
}

// TestClocks compares with the machine's root, which may set them.
func TestClocks(t *testing.T) {
	needRoot(t)
	before, mono := time.Now(), time.Now()
	p := plan{Scenario: "clocks"}
	list := native(t, p)
	p.Drop = true
	same(t, list, supervised(t, p, supervision{}))
	p.User = true
	same(t, list, supervised(t, p, supervision{}))
	want{"adjtimex both": "ok", "clock_adjtime tick": "ok", "settime nanoseconds": "invalid argument"}.check(t, list)
	if drift := time.Now().Round(0).Sub(before.Round(0)) - time.Since(mono); drift > time.Second || drift < -time.Second {
		t.Errorf("the machine's clock has moved by %v", drift)
	}
}
