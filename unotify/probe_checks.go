package unotify

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/internal/procfs"
)

// probeValue is a result that the probed call does not have by itself.
const probeValue = 0x5ead

// run answers all that takes the child. The order matters: a filter's listener serves the checks after it.
func (p *prober) run() error {
	p.memory()
	p.handles()
	works, err := p.listening()
	if err != nil {
		return err
	}
	if works {
		p.replies()
		p.injections()
		if err := p.receiveEnd(); err != nil {
			return err
		}
	}
	return p.filterFlags()
}

// listening installs a filter with a listener, with WAIT_KILLABLE_RECV if the kernel takes it, so that the signals of the
// child's own runtime do not disturb the other checks.
func (p *prober) listening() (bool, error) {
	killable, err := p.install(FlagNewListener | FlagWaitKillableRecv)
	errno := killable
	if err == nil && killable == unix.EINVAL {
		errno, err = p.install(FlagNewListener)
	}
	if err != nil {
		return false, err
	}
	if errno != 0 {
		p.noListener(errno)
		return false, nil
	}
	if err := p.answered(); err != nil {
		p.f.decide(FeatureListener, err)
		return false, nil
	}
	p.f.decide(FeatureListener, nil)
	if killable != 0 {
		p.f.set(FeatureWaitKillable, No, "the flag is not accepted", killable)
	} else {
		p.f.decide(FeatureWaitKillable, p.survivesSignal())
	}
	return true, nil
}

// noListener says why; the rest stays unknown, except what was answered meanwhile.
func (p *prober) noListener(errno unix.Errno) {
	err := error(errno)
	if errno == unix.EBUSY {
		err = fmt.Errorf("this process is itself supervised: a filter with a listener is installed already, and the kernel has one per chain of filters: %w", errno)
		p.remedy(FeatureListener, "start Stead outside the container or the supervisor that watches this process, or take the notify actions out of that profile")
	}
	p.f.set(FeatureListener, No, err.Error(), err)
	p.f.decideAll(Unknown, fmt.Errorf("needs a listener: %w", errno), FeatureContinue, FeatureIDValid, FeatureWaitKillable,
		FeatureSyncWakeUp, FeatureAddFD, FeatureAddFDExact, FeatureAddFDSend, FeatureReceiveEnd)
}

func (p *prober) remedy(name, text string) {
	for i := range p.f.List {
		if p.f.List[i].Name == name {
			p.f.List[i].Remedy = text
		}
	}
}

// answered has a call return a value of the supervisor's, and asks about its id before and after.
func (p *prober) answered() error {
	var pending, over error
	r, err := p.notified(func(n Notification) error {
		pending = p.listener.Valid(n.ID)
		err := p.listener.Respond(n.ID, Response{Value: probeValue})
		over = p.listener.Valid(n.ID)
		return err
	})
	if err != nil {
		return err
	}
	if pending == nil && !errors.Is(over, ErrGone) {
		pending = errors.New("an answered notification still counts as pending")
	}
	p.f.decide(FeatureIDValid, pending)
	return wantValue(r, probeValue)
}

func wantValue(r probeReply, want int64) error {
	if r.Errno != 0 {
		return fmt.Errorf("the call failed instead: %w", r.Errno)
	}
	if r.Value != want {
		return fmt.Errorf("the call returned %#x instead of %#x", r.Value, want)
	}
	return nil
}

// survivesSignal interrupts a received call. The signal is one that every Go program handles and ignores.
func (p *prober) survivesSignal() error {
	r, err := p.notified(func(n Notification) error {
		if err := unix.Tgkill(p.hello.PID, p.worker, unix.SIGURG); err != nil {
			return err
		}
		time.Sleep(2 * time.Millisecond)
		if err := p.listener.Valid(n.ID); err != nil {
			return fmt.Errorf("a signal interrupts the call all the same: %w", err)
		}
		return p.listener.Respond(n.ID, Response{Value: probeValue})
	})
	if err != nil {
		return err
	}
	return wantValue(r, probeValue)
}

// replies checks the other ways to answer.
func (p *prober) replies() {
	session, err := unix.Getsid(p.hello.PID)
	if err == nil {
		var r probeReply
		r, err = p.notified(func(n Notification) error { return p.listener.Respond(n.ID, Response{Continue: true}) })
		if err == nil {
			err = wantValue(r, int64(session))
		}
	}
	p.f.decide(FeatureContinue, err)

	err = p.listener.SetFlags(SyncWakeUp)
	if err == nil {
		err = p.answered()
	}
	p.f.decide(FeatureSyncWakeUp, err)
}

// injections puts a new file into the child in each way, and lets the child look at what it got.
func (p *prober) injections() {
	const exact = 200
	file, err := unix.MemfdCreate("probe", unix.MFD_CLOEXEC)
	if err != nil {
		p.f.decideAll(Unknown, fmt.Errorf("make a file: %w", err), FeatureAddFD, FeatureAddFDExact, FeatureAddFDSend)
		return
	}
	defer unix.Close(file)
	for _, way := range []struct {
		name string
		o    AddFDOptions
	}{
		{FeatureAddFD, AddFDOptions{CloseOnExec: true}},
		{FeatureAddFDExact, AddFDOptions{Exact: true, Number: exact}},
		{FeatureAddFDSend, AddFDOptions{Send: true}},
	} {
		p.f.decide(way.name, p.inject(file, way.o))
	}
}

func (p *prober) inject(file int, o AddFDOptions) error {
	number := 0
	r, err := p.notified(func(n Notification) (err error) {
		if number, err = p.listener.AddFD(n.ID, file, o); err != nil || o.Send {
			return err
		}
		return p.listener.Respond(n.ID, Response{Value: int64(number)})
	})
	switch {
	case err != nil:
		return err
	case o.Exact && number != o.Number:
		return fmt.Errorf("descriptor has number %d instead of %d", number, o.Number)
	case r.Inode == 0 || r.Inode != inode(file):
		return errors.New("the target got another file")
	}
	return wantValue(r, int64(number))
}

// receiveEnd must come last of those that use the listener: its filter's only user ends.
func (p *prober) receiveEnd() error {
	p.dropListener()
	r, err := p.request("end", 0)
	if err != nil {
		return err
	}
	switch r.Errno {
	case unix.ENOENT:
		p.f.decide(FeatureReceiveEnd, nil)
	case 0:
		p.f.set(FeatureReceiveEnd, No, "RECV goes on waiting; only poll(2) tells", nil)
	default:
		p.f.set(FeatureReceiveEnd, Unknown, r.Errno.Error(), r.Errno)
	}
	return nil
}

// filterFlags installs filters without a listener. For TSYNC, one thread's filter keeps it out of step with the others, and
// ESRCH must be how the kernel says so.
func (p *prober) filterFlags() error {
	for _, flag := range []struct {
		name string
		flag uint
	}{{FeatureLog, FlagLog}, {FeatureSpecAllow, FlagSpecAllow}} {
		errno, err := p.install(flag.flag)
		if err != nil {
			return err
		}
		p.f.decide(flag.name, nilIfZero(errno))
	}
	r, err := p.request("tsync", 0)
	if err != nil {
		return err
	}
	if r.Errno == unix.ESRCH {
		p.f.decide(FeatureTSYNCESRCH, nil)
	} else {
		p.f.decide(FeatureTSYNCESRCH, fmt.Errorf("install for threads that differ: %w", r.Errno))
	}
	return nil
}

func nilIfZero(errno unix.Errno) error {
	if errno == 0 {
		return nil
	}
	return errno
}

// handles checks the descriptors on the child and on its threads.
func (p *prober) handles() {
	p.f.decide(FeaturePidfdThread, threadPidfd(p.hello.TID))
	p.f.decide(FeaturePidfdGetfd, p.getfd())
}

func threadPidfd(tid int) error {
	fd, err := unix.PidfdOpen(tid, pidfdThread)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return nilIfZero(signalNothing(fd))
}

func (p *prober) getfd() error {
	pidfd, err := unix.PidfdOpen(p.hello.PID, 0)
	if err != nil {
		return err
	}
	defer unix.Close(pidfd)
	fd, err := unix.PidfdGetfd(pidfd, probeSocket, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if inode(fd) != p.hello.Inode {
		return errors.New("it is another file")
	}
	return nil
}

// memory reads and writes a text in the child, each way.
func (p *prober) memory() {
	b := make([]byte, len(probePattern))
	n, errno := vmTransfer(unix.SYS_PROCESS_VM_READV, p.hello.TID, b, p.hello.Addr)
	p.f.decide(FeatureReadMemory, sameText(b[:max(n, 0)], probePattern, nilIfZero(errno)))

	_, errno = vmTransfer(unix.SYS_PROCESS_VM_WRITEV, p.hello.TID, []byte(probeWritten), p.hello.Addr)
	p.f.decide(FeatureWriteMemory, p.wrote(nilIfZero(errno), probeWritten))

	p.f.decide(FeatureProcMem, p.procMem())
}

func (p *prober) procMem() error {
	proc, err := procfs.Open("")
	if err != nil {
		return err
	}
	defer proc.Close()
	m := Memory{tid: p.hello.TID, access: &memoryAccess{proc: proc}}
	if _, err = m.viaFile(unix.SYS_PROCESS_VM_WRITEV, []byte(probePattern), p.hello.Addr); p.wrote(err, probePattern) != nil {
		return p.wrote(err, probePattern)
	}
	b := make([]byte, len(probePattern))
	_, err = m.viaFile(unix.SYS_PROCESS_VM_READV, b, p.hello.Addr)
	return sameText(b, probePattern, err)
}

func (p *prober) wrote(err error, text string) error {
	if err != nil {
		return err
	}
	r, err := p.request("text", 0)
	return sameText([]byte(r.Text), text, err)
}

func sameText(got []byte, want string, err error) error {
	if err == nil && string(got) != want {
		err = fmt.Errorf("read %q instead of %q", got, want)
	}
	return err
}
