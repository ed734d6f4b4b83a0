package standin

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/internal/procfs"
	"github.com/stead-project/stead/unotify"
)

// An Identity is what a task is to become. Ids are as seen in UserNS, where each must have a mapping or be what the task has
// already. The bounding and ambient sets are of no consequence to a task that executes nothing.
type Identity struct {
	UserNS     *os.File // nil: stay in the supervisor's
	MountNS    *os.File // nil: stay
	Root       *os.File // directory, O_PATH is enough, in MountNS; it becomes the working directory too. nil: stay
	UID, GID   unotify.IDs
	Groups     []uint32
	KeepGroups bool // leave the groups as they are
	Caps       unotify.CapSets
	Umask      uint32 // file mode bits

	// Outside, unless nil, says the same ids as seen by the supervisor. Many ids read as one, 65534, where they have no mapping;
	// with both views none is taken for another, and ids without a mapping inside can be had (of a supervisor with the right to).
	Outside *unotify.Credentials
}

// Close closes the three handles.
func (id *Identity) Close() error {
	var errs []error
	for _, f := range []*os.File{id.UserNS, id.MountNS, id.Root} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}

// Become gives the task an identity, and then checks that the kernel says the same of it. Namespaces that the supervisor is in
// already need not be given, and cannot all be joined. An error ends the task: something between two identities acts for nobody.
//
// It needs CAP_SYS_ADMIN over the namespaces to join (the owner of a user namespace has it inside), CAP_SYS_CHROOT, CAP_SETUID,
// CAP_SETGID and every capability asked for. It makes the process non-dumpable (PR_SET_DUMPABLE(2const)), see the package comment.
func (t *Task) Become(id Identity) error {
	if err := t.become(id); err != nil {
		return errors.Join(fmt.Errorf("give a stand-in task its identity: %w", err), t.Close())
	}
	return nil
}

func (t *Task) become(id Identity) error {
	t.calls.Lock()
	defer t.calls.Unlock()
	if !t.begin() {
		return unix.ESRCH
	}
	defer t.end()
	b := becoming{Task: t, Identity: id}
	for _, step := range []func() error{b.hide, b.enter, b.takeIDs, b.takeCaps, b.finish, b.verify} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// becoming is a Become under way.
type becoming struct {
	*Task
	Identity
	mounted bool // MountNS is joined
}

// A failure says which step was refused, and what it needs.
func failure(errno syscall.Errno, step, needs string) error {
	switch errno {
	case 0:
		return nil
	case unix.EPERM, unix.EACCES:
		return fmt.Errorf("%s: %w (%s)", step, errno, needs)
	}
	return fmt.Errorf("%s: %w", step, errno)
}

func (t *Task) simple(nr uintptr, args ...uintptr) syscall.Errno {
	var a [6]uintptr
	copy(a[:], args)
	_, errno := t.call(nr, a[0], a[1], a[2], a[3], a[4], a[5])
	return errno
}

// hide: the memory is the supervisor's, and inside the target's user namespace somebody may have the right to trace the task.
func (t *Task) hide() error {
	return failure(t.simple(unix.SYS_PRCTL, unix.PR_SET_DUMPABLE, 0), "make the supervisor non-dumpable", "")
}

// enter joins the namespaces. A mount namespace may belong to an outer user namespace or to the one that is joined, and only
// there is the right to join it: so it is tried before and after (setns(2)).
func (b *becoming) enter() error {
	if b.UserNS == nil {
		return b.place()
	}
	outer := b.place()
	if err := b.takeOutside(); err != nil {
		return err
	}
	if err := b.join(b.UserNS); err != nil || outer == nil {
		return err
	}
	return b.place()
}

func (t *Task) join(user *os.File) error {
	return failure(t.simple(unix.SYS_SETNS, user.Fd(), unix.CLONE_NEWUSER), "join the target's user namespace",
		"run the supervisor as its owner, or with CAP_SYS_ADMIN over it")
}

func (b *becoming) place() error {
	if b.MountNS != nil && !b.mounted {
		if errno := b.simple(unix.SYS_SETNS, b.MountNS.Fd(), unix.CLONE_NEWNS); errno != 0 {
			return failure(errno, "join the target's mount namespace", "the supervisor needs CAP_SYS_ADMIN and CAP_SYS_CHROOT over it")
		}
		b.mounted = true
	}
	if b.Root == nil {
		return nil
	}
	errno := b.simple(unix.SYS_FCHDIR, b.Root.Fd())
	if errno == 0 {
		errno = b.chroot(".")
	}
	return failure(errno, "change to the target's root", "the supervisor needs CAP_SYS_CHROOT")
}

// takeOutside takes the ids in the supervisor's own view of them. What it may not take there it may be able to inside; verify
// decides.
func (b *becoming) takeOutside() error {
	if b.Outside == nil {
		return nil
	}
	now, err := b.seen()
	if err != nil {
		return err
	}
	b.setIDs(now, wanted{b.Outside.UID, b.Outside.GID, b.Outside.Groups, b.KeepGroups}) //nolint:errcheck // see above
	return nil
}

func (b *becoming) takeIDs() error {
	now, err := b.own()
	if err != nil {
		return err
	}
	return b.setIDs(now, wanted{b.UID, b.GID, b.Groups, b.KeepGroups})
}

// takeCaps: capset(2) gives only what is there, so an error is a capability that cannot be had.
//
// The securebits go first: with those that kept the capabilities, access(2) would judge a user by them too (fs/open.c,
// access_override_creds). The target's own cannot be read.
func (b *becoming) takeCaps() error {
	c := b.Caps
	b.simple(unix.SYS_PRCTL, unix.PR_SET_SECUREBITS, 0) // fails where they were never changed, for want of CAP_SETPCAP
	return failure(b.capset(c.Effective, c.Permitted, c.Inheritable), fmt.Sprintf("take capabilities %#x", c.Permitted),
		"the supervisor lacks one of them")
}

// finish asks for the death signal again: a change of ids has taken it back (PR_SET_PDEATHSIG(2const)). Where the supervisor may not
// signal the task, it gets none, and looks for itself.
func (b *becoming) finish() error {
	if errors.Is(unix.Kill(b.pid, 0), unix.EPERM) {
		b.box.watch()
	}
	b.simple(unix.SYS_UMASK, uintptr(b.Umask))
	return failure(b.simple(unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL)), "set the death signal", "")
}

func (b *becoming) verify() error {
	now, err := b.own()
	if err != nil {
		return err
	}
	inside := wanted{b.UID, b.GID, b.Groups, b.KeepGroups}
	if err := errors.Join(inside.check(now), checkRest(now, b.Caps, b.Umask)); err != nil || b.Outside == nil {
		return err
	}
	now, err = b.seen()
	if err != nil {
		return err
	}
	outside := wanted{b.Outside.UID, b.Outside.GID, b.Outside.Groups, b.KeepGroups}
	if err := outside.check(now); err != nil {
		return fmt.Errorf("as the supervisor sees it: %w", err)
	}
	return nil
}

func checkRest(now procfs.Status, caps unotify.CapSets, umask uint32) error {
	got := [3]uint64{now.CapPrm, now.CapEff, now.CapInh}
	if want := [3]uint64{caps.Permitted, caps.Effective, caps.Inheritable}; got != want {
		return fmt.Errorf("the task has capabilities %#x, wanted %#x", got, want)
	}
	if now.Umask != umask {
		return fmt.Errorf("the task has umask %#o, wanted %#o", now.Umask, umask)
	}
	return nil
}

// sameGroups compares two sets: the kernel keeps them sorted by its own numbers, which are not those of a namespace.
func sameGroups(a, b []uint32) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}
