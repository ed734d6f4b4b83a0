package container

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/internal/procself"
	"github.com/stead-project/stead/unotify"
)

// A likeness is what a program has to be like: its caller.
type likeness struct {
	view   *view
	groups []group
	limits []unix.Rlimit
	label  string
	oom    string
}

// A group is a control group in one hierarchy: the controllers of proc_pid_cgroup's second field, and the path (cgroups(7)).
type group struct{ controllers, path string }

// likeness reads what the caller is, all of it: what is remembered of callers lacks what only executing makes use of.
func (o *op) likeness() (l likeness, err error) {
	if errno := o.lookAgain(); errno != 0 {
		return l, errno
	}
	l.view = o.view
	if l.groups, err = o.f.groupsOf(o.env.TID); err != nil {
		return l, err
	}
	if l.limits, err = o.f.limitsOf(o.env.TID); err != nil {
		return l, err
	}
	oom, err := o.f.readAt(o.env.TID, "oom_score_adj")
	if err != nil {
		return l, err
	}
	l.oom, l.label = strings.TrimSpace(string(oom)), o.f.labelOf(o.env.TID)
	return l, o.env.Valid()
}

// check moves to where the caller is what is about to be a program, and finds out whether it has anything that its caller has not. What it
// executes gains it nothing: no_new_privs is set.
func (l *likeness) check(f *Family, pid int) error {
	if err := l.moveTo(f, pid); err != nil {
		return err
	}
	now, err := f.read(pid, func() (unotify.Credentials, error) { return f.targets.CredentialsOf(pid) })
	if err != nil {
		return err
	}
	cred := &now.cred
	was := &l.view.cred
	for _, c := range []struct {
		wrong bool
		what  string
	}{
		{now.ns != l.view.ns, "namespaces"}, {now.root != l.view.root, "root"},
		{cred.UID != was.UID || cred.GID != was.GID || !slices.Equal(cred.Groups, was.Groups), "user"},
		{more(cred.Caps, was.Caps), "capabilities"}, {!cred.NoNewPrivs, "no_new_privs"},
	} {
		if c.wrong {
			return fmt.Errorf("its %s would not be the caller's: %w", c.what, unix.EPERM)
		}
	}
	return nil
}

// more says whether there is a capability that its caller does not have.
func more(now, was unotify.CapSets) bool {
	return (now.Permitted|now.Effective)&^was.Permitted|now.Bounding&^was.Bounding|now.Inheritable&^was.Inheritable|now.Ambient&^was.Ambient != 0
}

// moveTo moves a process to the caller's control groups, and lets the kernel end it as soon as the caller when memory is short. The
// process has memory of its own: a group's limits must not reach the supervisor's.
func (l *likeness) moveTo(f *Family, pid int) error {
	os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid), []byte(l.oom), 0) //nolint:errcheck // to be spared more takes CAP_SYS_RESOURCE
	now, err := f.groupsOf(pid)
	if err != nil {
		return err
	}
	for i, g := range l.groups {
		if i < len(now) && now[i] == g {
			continue
		}
		if err := g.add(pid); err != nil {
			return fmt.Errorf("move it to the caller's control group: %w", err)
		}
	}
	if now, err = f.groupsOf(pid); err == nil && fmt.Sprint(now) != fmt.Sprint(l.groups) {
		err = fmt.Errorf("its control groups are %v, the caller's %v: %w", now, l.groups, unix.EPERM)
	}
	return err
}

// add moves a process to the group.
func (g group) add(pid int) error {
	mount, root, err := hierarchy(g.controllers)
	if err != nil {
		return err
	}
	rel, err := filepath.Rel(root, g.path)
	if err != nil || rel == ".." || strings.HasPrefix(rel, "../") {
		return fmt.Errorf("group %s is not below %s: %w", g.path, mount, unix.ENOENT)
	}
	file, err := os.OpenFile(filepath.Join(mount, rel, "cgroup.procs"), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = file.WriteString(strconv.Itoa(pid))
	return err
}

// hierarchy is where control groups are mounted, and which of them that shows. The second version has no controllers here.
func hierarchy(controllers string) (mount, root string, err error) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", "", err
	}
	for line := range strings.Lines(string(text)) {
		left, right, _ := strings.Cut(strings.TrimSpace(line), " - ")
		f, kind := strings.Fields(left), strings.Fields(right)
		if len(f) < 5 || len(kind) < 3 {
			continue
		}
		if controllers == "" && kind[0] == "cgroup2" || controllers != "" && kind[0] == "cgroup" && hasAll(kind[2], controllers) {
			return f[4], f[3], nil
		}
	}
	return "", "", fmt.Errorf("the control groups of %q are mounted nowhere: %w", controllers, unix.ENOENT)
}

func hasAll(options, controllers string) bool {
	for name := range strings.SplitSeq(controllers, ",") {
		if !hasName(options, name) {
			return false
		}
	}
	return true
}

// groupsOf are a thread's control groups, in the kernel's order.
func (f *Family) groupsOf(tid int) (list []group, err error) {
	text, err := f.readAt(tid, "cgroup")
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		part := strings.SplitN(strings.TrimRight(line, "\n"), ":", 3)
		if len(part) < 3 || !strings.HasPrefix(part[2], "/") {
			return nil, fmt.Errorf("read control groups: %q", line)
		}
		list = append(list, group{part[1], part[2]})
	}
	return list, nil
}

func (f *Family) readAt(tid int, name string) ([]byte, error) {
	dir, err := f.targets.OpenAt(tid, "", unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	defer unix.Close(dir)
	return procself.ReadAt(dir, name)
}

// limitsOf are a thread's resource limits, as far as a task can have them: a hard limit above the supervisor's own takes CAP_SYS_RESOURCE.
// They are read as text: prlimit(2) would ask for the caller's ids.
func (f *Family) limitsOf(tid int) (list []unix.Rlimit, err error) {
	text, err := f.readAt(tid, "limits")
	if err != nil {
		return nil, err
	}
	const column = 26 // of the soft limit (fs/proc/base.c, proc_pid_limits)
	for line := range bytes.Lines(text) {
		if bytes.HasPrefix(line, []byte("Limit ")) || len(line) < column {
			continue
		}
		soft, hard, err := limitPair(string(line[column:]))
		var own unix.Rlimit
		if err == nil {
			err = unix.Getrlimit(len(list), &own)
		}
		if err != nil {
			return nil, fmt.Errorf("read limits: %w", err)
		}
		list = append(list, unix.Rlimit{Cur: min(soft, own.Max), Max: min(hard, own.Max)})
	}
	return list, nil
}

func limitPair(text string) (soft, hard uint64, err error) {
	f := strings.Fields(text)
	if len(f) < 2 {
		return 0, 0, unix.EIO
	}
	soft, err = limit(f[0])
	if err != nil {
		return 0, 0, err
	}
	hard, err = limit(f[1])
	return soft, hard, err
}

func limit(text string) (uint64, error) {
	if text == "unlimited" {
		return unix.RLIM_INFINITY, nil
	}
	return strconv.ParseUint(text, 10, 64)
}

// labelFiles are where a security module says what a process is confined to, and takes what it is to be after its next execve: AppArmor's
// own, then whoever has the shared ones (proc_pid_attr(5)).
func labelFiles() [2]string { return [2]string{"attr/apparmor/", "attr/"} }

// labelOf is how a security module confines a thread; "": none does, or none says it.
func (f *Family) labelOf(tid int) string {
	for _, dir := range labelFiles() {
		if text, err := f.readAt(tid, dir+"current"); err == nil {
			return string(bytes.TrimRight(text, "\x00\n"))
		}
	}
	return ""
}

// takeLabel has the security module confine what the task's child executes as it confines the caller. Where that cannot be done, the
// program is not started.
func (a *actor) takeLabel(tid int) error {
	label := a.f.labelOf(tid)
	if label == a.f.labelOf(os.Getpid()) {
		return nil
	}
	name, _, _ := strings.Cut(label, " (") // AppArmor: the profile's mode
	var errs []error
	for _, way := range [...]struct{ file, text string }{{labelFiles()[0], "exec " + name}, {labelFiles()[1], label}} {
		err := a.writeSelf(way.file+"exec", way.text)
		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	return fmt.Errorf("take the caller's security label %q: %w", label, errors.Join(errs...))
}

// writeSelf writes to a file of the task's own in proc, as only it can.
func (a *actor) writeSelf(name, text string) error {
	fd, errno := a.openat2(a.f.procs.Root, "thread-self/"+name, &unix.OpenHow{Flags: unix.O_WRONLY | unix.O_CLOEXEC})
	if errno != 0 {
		return errno
	}
	defer unix.Close(fd)
	if errno = a.write(fd, text); errno != 0 {
		return errno
	}
	return nil
}
