package standin

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/unotify"
)

// Limit gives a task all five sets of capabilities, two of which matter only to who executes a program: the bounding and the ambient one
// (capabilities(7), "Transformation of capabilities during execve()"). It comes last: what the task needs for anything else it has no
// more. CAP_SETPCAP is needed where the bounding set has to become smaller. The task has no more afterwards than was asked for; of the
// bounding set it may have less, because the supervisor has.
func (t *Task) Limit(c unotify.CapSets) error {
	t.calls.Lock()
	defer t.calls.Unlock()
	if !t.begin() {
		return fmt.Errorf("limit a stand-in task: %w", unix.ESRCH)
	}
	defer t.end()
	if err := t.limit(c); err != nil {
		return fmt.Errorf("limit a stand-in task: %w", err)
	}
	return nil
}

func (t *Task) limit(c unotify.CapSets) error {
	if err := t.bound(c.Bounding); err != nil {
		return err
	}
	t.simple(unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL) // Linux 4.3
	if err := failure(t.capset(c.Effective, c.Permitted, c.Inheritable), fmt.Sprintf("take capabilities %#x", c.Permitted),
		"the supervisor lacks one of them"); err != nil {
		return err
	}
	for n := uintptr(0); n < 64; n++ {
		if c.Ambient>>n&1 == 0 {
			continue
		}
		errno := t.simple(unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, n)
		if err := failure(errno, fmt.Sprintf("raise ambient capability %d", n), "its securebits forbid it"); err != nil {
			return err
		}
	}
	now, err := t.seen()
	if err == nil && (now.CapBnd&^c.Bounding != 0 || now.CapPrm != c.Permitted || now.CapEff != c.Effective || now.CapInh != c.Inheritable ||
		now.CapAmb != c.Ambient) {
		return fmt.Errorf("the task has capabilities %#x, wanted %#x",
			[]uint64{now.CapInh, now.CapPrm, now.CapEff, now.CapBnd, now.CapAmb}, c)
	}
	return err
}

// bound takes from the bounding set what is not wanted in it.
func (t *Task) bound(wanted uint64) error {
	for n := uintptr(0); n < 64; n++ {
		has, errno := t.call(unix.SYS_PRCTL, unix.PR_CAPBSET_READ, n, 0, 0, 0, 0)
		if errno != 0 {
			return nil // the kernel knows no more of them
		}
		if has == 0 || wanted>>n&1 != 0 {
			continue
		}
		errno = t.simple(unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, n)
		if err := failure(errno, fmt.Sprintf("drop capability %d from the bounding set", n), "it needs CAP_SETPCAP"); err != nil {
			return err
		}
	}
	return nil
}
