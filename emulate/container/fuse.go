package container

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/emulate"
	"github.com/stead-project/stead/policy"
)

// A redirect is a mount that a program of the container's is to make, by serving the file system itself (FUSE).
type redirect struct {
	o      *op
	kind   string // the file system
	source string
	target string // as the caller's root has it
	place  string // as the policy sees it
	before uint64 // the mount that the target was in
	force  uint64 // flags of the mount, whatever the program asks for

	open  atomic.Bool // the program's mount is waited for
	p     *program
	limit time.Time
}

// programFor is the program that serves a file system; "": the kernel does.
func (o *op) programFor(kind string) string { return o.grant.FUSE[kind] }

// maxServing bounds the programs of one container that serve, or are about to: each takes a listener and a thread of the supervisor's, and
// could mount what starts another one.
const maxServing = 64

// serveBy has a program make the mount.
func (o *op) serveBy(name string, flags uint64) emulate.Result {
	r, errno := o.redirect(flags)
	if errno != 0 {
		return emulate.Errno(errno)
	}
	if v := o.refusedOption(); v != "" {
		return o.refuse("the policy refuses option " + v)
	}
	path, errno := o.findProgram(name)
	if errno != 0 {
		return emulate.Errno(unix.ENODEV).Because(fmt.Sprintf("the container has no program %s, which is to serve %s (%v)", name, r.kind, errno))
	}
	errno, err := r.run(path, append([]string{path, r.source, r.target}, r.options(flags)...))
	if errno == 0 {
		return emulate.Return(0)
	}
	o.f.log.Warn("a program of the container's has not mounted", "tid", o.env.TID, "program", path, "filesystem", r.kind, "error", err)
	result := emulate.Errno(errno)
	if r.p == nil {
		return result.Refused(fmt.Sprintf("%s cannot be started: %v", path, err))
	}
	return result.Because(fmt.Sprintf("%s: %v", path, err))
}

// redirect finds out what to tell a program. It names everything from the caller's root, and with a slash first: no option is made of it.
func (o *op) redirect(flags uint64) (*redirect, syscall.Errno) {
	if len(o.text(4).P) == 0 && o.text(4).Addr != 0 {
		return nil, unix.EFAULT
	}
	r := &redirect{o: o, kind: o.text(2).Text(), source: o.text(0).Text(), force: flags&ofMount | safe}
	if o.pins[1].state == failed {
		return nil, o.pins[1].errno
	}
	var ok bool
	if o.pins[1].state == held {
		if r.source, ok = o.inRoot(o.linkOf(o.pins[1].fd)); !ok {
			return nil, unix.ENOENT
		}
	}
	if r.source == "" || r.source[0] == '-' {
		return nil, unix.EINVAL
	}
	r.place = o.linkOf(o.pins[0].fd)
	if r.target, ok = o.inRoot(r.place); !ok {
		return nil, unix.ENOENT
	}
	r.before, _ = mountAt(o.pins[0].fd, "")
	return r, 0
}

// ofMount are the flags that are the mount's own, not the file system's: the supervisor sees to them when the program mounts.
const ofMount = unix.MS_RDONLY | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_NOATIME | unix.MS_NODIRATIME | unix.MS_RELATIME |
	unix.MS_STRICTATIME | unix.MS_NOSYMFOLLOW

// options are the program's: the flags that every version of the FUSE library has a word for, then what the caller gave as data. They are
// the container's own affair, since the program has no rights but the container's.
func (r *redirect) options(flags uint64) []string {
	list := []string{}
	for _, f := range []struct {
		flag uint64
		name string
	}{{unix.MS_RDONLY, "ro"}, {unix.MS_NOSUID, "nosuid"}, {unix.MS_NODEV, "nodev"}, {unix.MS_NOEXEC, "noexec"},
		{unix.MS_SYNCHRONOUS, "sync"}, {unix.MS_NOATIME, "noatime"}} {
		if (flags|safe)&f.flag != 0 {
			list = append(list, f.name)
		}
	}
	if data := r.o.optionText(); data != "" {
		list = append(list, data)
	}
	return []string{"-o", strings.Join(list, ",")}
}

// searched are the directories where programs are looked for. No variable of the caller's has a say.
func searched() []string {
	return []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"}
}

// findProgram looks for a program as the caller: it must be a file that the caller may execute.
func (o *op) findProgram(name string) (string, syscall.Errno) {
	if filepath.IsAbs(name) {
		return name, o.executable(name)
	}
	errno := syscall.Errno(unix.ENOENT)
	for _, dir := range searched() {
		path := filepath.Join(dir, name)
		e := o.executable(path)
		if e == 0 {
			return path, 0
		}
		if e != unix.ENOENT {
			errno = e
		}
	}
	return "", errno
}

func (o *op) executable(path string) syscall.Errno {
	fd, errno := o.lookup(unix.AT_FDCWD, path, false)
	if errno != 0 {
		return errno
	}
	defer unix.Close(fd)
	if kindOf(fd) != unix.S_IFREG {
		return unix.EACCES
	}
	a, errno := o.actor(asTarget)
	if errno != 0 {
		return errno
	}
	const execute = 1 // X_OK
	_, errno = a.call(unix.SYS_FACCESSAT2, uintptr(fd), o.cstring(""), execute, unix.AT_EMPTY_PATH|unix.AT_EACCESS)
	return errno
}

// How long a program may take to mount, and how long one that has mounted is given to go into the background. Until it has, it may still
// fail; one that does not is taken at its mount.
const (
	usual      = 20 * time.Second
	settling   = 500 * time.Millisecond
	firstCheck = 5 * time.Millisecond
	lastCheck  = 50 * time.Millisecond
)

// run starts the program and waits for the mount. What has not come to a mount leaves none.
func (r *redirect) run(path string, args []string) (syscall.Errno, error) {
	r.open.Store(true)
	defer r.open.Store(false)
	p, err := r.o.startProgram(path, args, r.around)
	if err != nil {
		return startErrno(err), err
	}
	r.p = p
	defer p.leave()
	errno, err := r.await()
	if errno != 0 {
		p.kill()
		r.clear()
	}
	return errno, err
}

// startErrno: what the supervisor cannot do for a program is nothing that the container could do itself.
func startErrno(err error) syscall.Errno {
	for _, errno := range []syscall.Errno{unix.EAGAIN, unix.ENOMEM, unix.EMFILE, unix.EINTR} {
		if errors.Is(err, errno) {
			return errno
		}
	}
	return unix.EPERM
}

var errGone = errors.New("the caller waits no longer")

func (r *redirect) await() (syscall.Errno, error) {
	r.limit = time.Now().Add(r.o.f.o.Patience)
	var settled time.Time
	for pause := firstCheck; ; pause = min(pause+pause/4, lastCheck) {
		select {
		case <-r.p.ended:
			return r.result()
		case <-time.After(pause):
		}
		now := time.Now()
		mounted := r.mounted()
		switch {
		case r.o.env.Valid() != nil: // a signal alone ends no mount
			return unix.EINTR, errGone
		case mounted && settled.IsZero():
			settled = now.Add(settling)
		case mounted && now.After(settled):
			return r.served()
		case !mounted && now.After(r.limit):
			return unix.ETIMEDOUT, fmt.Errorf("not mounted within %v%s", r.o.f.o.Patience, r.p.words())
		}
	}
}

// result is what a program that has ended has come to. One that serves has gone into the background.
func (r *redirect) result() (syscall.Errno, error) {
	status := r.p.status
	switch err := r.p.fault; {
	case err != nil:
		return programErrno(err), err
	case r.p.lost && !r.mounted():
		return unix.EIO, errors.New("its parent was ended")
	case status.Signaled():
		return unix.EIO, fmt.Errorf("killed by signal %d%s", status.Signal(), r.p.words())
	case status.ExitStatus() != 0:
		return unix.EINVAL, fmt.Errorf("exit status %d%s", status.ExitStatus(), r.p.words())
	case !r.mounted():
		return unix.EIO, errors.New("ended without a mount" + r.p.words())
	}
	return r.served()
}

// served says whether what is mounted is served: programs find out late what is wrong, and leave a mount that nobody answers for. The kernel
// waits for an answer until the one who waits is killed (fs/fuse/dev.c, request_wait_answer()).
func (r *redirect) served() (syscall.Errno, error) {
	fd, errno := r.now()
	if errno != 0 {
		return errno, errno
	}
	defer unix.Close(fd)
	a, errno := r.o.actor(asTarget)
	if errno != 0 {
		return errno, errno
	}
	late := time.AfterFunc(max(time.Until(r.limit), settling), func() { a.task.Close() }) //nolint:errcheck // it is gone either way
	for errno = a.answer(fd); errno == unix.EINTR && r.o.env.Valid() == nil; errno = a.answer(fd) {
		time.Sleep(firstCheck)
	}
	if !late.Stop() {
		r.o.lose(asTarget)
		return unix.ETIMEDOUT, fmt.Errorf("mounted, and did not answer within %v%s", r.o.f.o.Patience, r.p.words())
	}
	if errno == unix.EINTR {
		return errno, errGone
	}
	if errno == unix.ENOTCONN {
		return unix.EIO, errors.New("mounted, and ended" + r.p.words())
	}
	return 0, nil
}

// programErrno is the kernel's for a program that it, or the policy, does not execute.
func programErrno(err error) syscall.Errno {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return unix.EPERM
}

// now opens what is at the target.
func (r *redirect) now() (int, syscall.Errno) {
	a, errno := r.o.actor(asTarget)
	if errno != 0 {
		return -1, errno
	}
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_NO_MAGICLINKS | unix.RESOLVE_NO_SYMLINKS}
	return a.openat2(unix.AT_FDCWD, r.target, &how)
}

// mounted says whether something has been mounted at the target.
func (r *redirect) mounted() bool {
	fd, errno := r.now()
	if errno != 0 {
		return false
	}
	defer unix.Close(fd)
	id, root := mountAt(fd, "")
	return root && id != r.before
}

// clear takes away a mount that a program has left behind.
func (r *redirect) clear() {
	fd, errno := r.now()
	if errno != 0 {
		return
	}
	defer unix.Close(fd)
	if id, root := mountAt(fd, ""); !root || id == r.before {
		return
	}
	if a, errno := r.o.actor(granted); errno == 0 {
		a.call(unix.SYS_UMOUNT2, r.o.fdName(fd), unix.MNT_DETACH)
	}
}

// around decides as the policy does, and besides grants the program the one mount that it is there for.
func (r *redirect) around(d policy.Decider) policy.Decider {
	registers, _ := d.(policy.RegisterDecider)
	return &redirectDecider{under: d, registers: registers, r: r}
}

// A redirectDecider decides the calls of a program that serves a file system.
type redirectDecider struct {
	under     policy.Decider
	registers policy.RegisterDecider // nil: under is none
	r         *redirect
}

// Decide implements policy.Decider.
func (d *redirectDecider) Decide(req *policy.Request) policy.Decision {
	decision := d.under.Decide(req)
	if !d.r.open.Load() || req.Call.Name != "mount" || req.Paths == nil || !d.r.expects(req) {
		return decision
	}
	grant := policy.Grant{As: policy.AsSupervisor, Force: d.r.force}
	if decision.Grant != nil {
		grant.Force |= decision.Grant.Force
	}
	return policy.Decision{Verdict: policy.Perform, Rule: decision.Rule, Version: decision.Version, Grant: &grant,
		Note: "the mount that a program was started for"}
}

// DecideRegisters implements policy.RegisterDecider. A mount has to be looked at.
func (d *redirectDecider) DecideRegisters(c arch.Data) (policy.Decision, bool) {
	if d.registers == nil || d.r.open.Load() && c.ABI.ID(c.Nr).Name() == "mount" {
		return policy.Decision{}, false
	}
	return d.registers.DecideRegisters(c)
}

// expects: a new FUSE file system, where it was wanted.
func (r *redirect) expects(req *policy.Request) bool {
	if changeOf(withoutMagic(word(&req.Call.Raw, 3))) != mounting {
		return false
	}
	kind := strings.TrimSuffix(string(req.Call.Args[2].Bytes), "\x00")
	if base, _, _ := strings.Cut(kind, "."); base != "fuse" {
		return false
	}
	place, ok := req.Paths.Path(1)
	return ok && place == r.place
}
