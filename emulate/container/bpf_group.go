package container

import (
	"bytes"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// groups is the hierarchy of control groups of the second version (cgroups(7)), as the supervisor has it mounted.
type groups struct{}

// mount is where it is mounted, with its outermost group that the supervisor knows.
func (groups) mount() (string, bool) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", false
	}
	for line := range bytes.Lines(text) {
		before, after, _ := bytes.Cut(line, []byte(" - "))
		f, kind := bytes.Fields(before), bytes.Fields(after)
		if len(f) > 4 && len(kind) > 0 && string(kind[0]) == "cgroup2" && string(f[3]) == "/" && !bytes.Contains(f[4], []byte(`\`)) {
			return string(f[4]), true
		}
	}
	return "", false
}

// open opens a group by its path in the hierarchy.
func (g groups) open(path string) (int, error) {
	at, ok := g.mount()
	if !ok {
		return -1, unix.ENOENT
	}
	fd, err := unix.Open(at+path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	var fs unix.Statfs_t
	if err := unix.Fstatfs(fd, &fs); err != nil || fs.Type != unix.CGROUP2_SUPER_MAGIC {
		unix.Close(fd)
		return -1, unix.ENOENT // something is mounted over it
	}
	return fd, nil
}

// path is where in the hierarchy a group is, through whatever mount somebody has opened it.
func (g groups) path(fd int) (string, bool) {
	handle, _, err := unix.NameToHandleAt(fd, "", unix.AT_EMPTY_PATH)
	if err != nil {
		return "", false
	}
	top, err := g.open("/")
	if err != nil {
		return "", false
	}
	defer unix.Close(top)
	same, err := unix.OpenByHandleAt(top, handle, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC)
	if err != nil {
		return "", false
	}
	defer unix.Close(same)
	root, ok1 := linkTo(top)
	full, ok2 := linkTo(same)
	if full == root {
		return "/", ok1 && ok2
	}
	path, ok3 := strings.CutPrefix(full, strings.TrimSuffix(root, "/"))
	return path, ok1 && ok2 && ok3 && strings.HasPrefix(path, "/") && !strings.HasSuffix(path, " (deleted)")
}

func linkTo(fd int) (string, bool) {
	text, err := os.Readlink("/proc/self/fd/" + itoa(fd))
	return text, err == nil
}

// isBelow says whether a group is another or below it.
func isBelow(path, top string) bool {
	return path == top || strings.HasPrefix(path, strings.TrimSuffix(top, "/")+"/")
}

func above(path string) string {
	if i := strings.LastIndexByte(path, '/'); i > 0 {
		return path[:i]
	}
	return "/"
}

// groupIn finds the group of the second version in a thread's cgroup file.
func groupIn(text []byte) (string, bool) {
	for line := range bytes.Lines(text) {
		if path, ok := bytes.CutPrefix(bytes.TrimSuffix(line, []byte("\n")), []byte("0::")); ok {
			return string(path), len(path) > 0
		}
	}
	return "", false
}

func (o *op) groupOf(tid int) (string, bool) {
	text, err := o.f.cgroups(tid)
	if err != nil {
		return "", false
	}
	return groupIn(text)
}

// standing says what a control group is to the caller, and why it is nothing that the caller may change.
func (o *op) standing(fd int) (standing, string) {
	var fs unix.Statfs_t
	if fd < 0 || unix.Fstatfs(fd, &fs) != nil || fs.Type != unix.CGROUP2_SUPER_MAGIC {
		return noGroup, ""
	}
	path, ok := o.f.groups.path(fd)
	if !ok {
		return foreignGroup, "the control group cannot be found in the supervisor's hierarchy"
	}
	top, why := o.ownGroups()
	switch {
	case why != "":
		return foreignGroup, why
	case path == top:
		return ownGroup, ""
	case isBelow(path, top):
		return innerGroup, ""
	}
	return foreignGroup, "the control group is not the container's"
}

// ownGroups is the container's outermost control group: the root of the caller's control group namespace or, without one, the group that
// the caller is in. One that the supervisor is in, too, is no container's.
func (o *op) ownGroups() (string, string) {
	if errno := o.look(); errno != 0 {
		return "", "the caller cannot be looked at"
	}
	theirs, ok1 := o.groupOf(o.env.TID)
	own, ok2 := o.groupOf(unix.Getpid())
	if !ok1 || !ok2 || o.env.Valid() != nil {
		return "", "the caller's control group cannot be told"
	}
	if o.foreign(nsCgroup) {
		depth, ok := o.namespaceDepth(own)
		if !ok {
			return "", "the caller's control group namespace cannot be told"
		}
		theirs, ok1 = cutTo(theirs, depth)
	}
	if !ok1 || isBelow(own, theirs) {
		return "", "the caller has no control group of its own"
	}
	return theirs, ""
}

// namespaceDepth says how deep in the hierarchy the caller's control group namespace begins. What a group is called there depends on
// where its members are (cgroup_namespaces(7)): the caller's move as the caller likes, so it is the supervisor's own that is looked at.
func (o *op) namespaceDepth(own string) (int, bool) {
	a, errno := o.actor(granted)
	if errno != 0 {
		return 0, false
	}
	text, errno := a.read(itoa(unix.Getpid()) + "/cgroup")
	seen, ok := groupIn(text)
	if errno != 0 || !ok {
		return 0, false
	}
	return depthOf(own, seen), true
}

// depthOf is how deep a namespace begins from where a group is seen as seen that is really own.
func depthOf(own, seen string) int {
	ups := 0
	for rest := seen + "/"; strings.HasPrefix(rest, "/../"); rest = rest[len("/.."):] {
		ups++
	}
	return ups + components(own) - (components(seen) - ups)
}

// read reads a file of the supervisor's proc as the actor.
func (a *actor) read(name string) ([]byte, syscall.Errno) {
	fd, errno := a.openat2(a.f.procs.Root, name, &unix.OpenHow{Flags: unix.O_RDONLY | unix.O_CLOEXEC})
	if errno != 0 {
		return nil, errno
	}
	defer unix.Close(fd)
	return a.readFD(fd)
}

func components(path string) int {
	if path == "/" {
		return 0
	}
	return strings.Count(path, "/")
}

// cutTo is the beginning of a path.
func cutTo(path string, depth int) (string, bool) {
	switch n := components(path); {
	case depth < 0 || depth > n:
		return "", false
	case depth == 0:
		return "/", true
	}
	return strings.Join(strings.Split(path, "/")[:depth+1], "/"), true
}
