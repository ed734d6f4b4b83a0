package conformance

import (
	"path/filepath"
	"sync"
)

// An Env is a surrounding of the calls. Make them with Environments.
type Env struct {
	Name string
	shape
	suite *Suite
	runs  func() (pair, error) // of both sides, made once
}

// A shape is how an environment is made. The zero value runs the probe as it is.
type shape struct {
	outside []string // put before stead: what holds for supervisor and target
	inside  []string // put before the probe: what the target does for itself
	goarch  string   // of the probe; "" for amd64
	thread  bool     // the calls are made on a thread that does not lead its process
	user    bool     // files belong to the ordinary user
	chroot  bool     // the run's directory is the target's root
	root    bool     // needs root outside
	disk    bool     // the files are on Options.Dir's file system, not on Options.Memory's
}

// The ordinary user, with a group beside its own; the fixtures have files of this group and of one more.
const (
	uid, gid, group, foreign = 12345, 23456, 34567, 34568
)

func ordinary() []string {
	return []string{"setpriv", "--reuid=12345", "--regid=23456", "--groups=34567"}
}

// below is a shell command that mounts something in the run's directory (its first argument) and goes on.
func below(mount string, then ...string) []string {
	return append([]string{"sh", "-c", mount + ` && shift && exec "$@"`, "sh", baseArg}, then...)
}

// baseArg stands for the directory of a run in a shape.
const baseArg = "{base}"

const (
	tmpfsWork = `mount -t tmpfs -o mode=0755 tmpfs "$1/work"`
	procInner = `mount -t proc proc "$1/proc"`
)

func shapes() map[string]shape {
	return map[string]shape{
		"root":              {disk: true, root: true},
		"root-thread":       {root: true, thread: true},
		"user":              {root: true, outside: ordinary(), user: true},
		"user-under-root":   {root: true, inside: ordinary(), user: true},
		"userns":            {root: true, outside: ordinary(), inside: []string{"unshare", "-Ur"}, user: true},
		"userns-of-root":    {root: true, inside: []string{"unshare", "-Ur"}},
		"userns-and-mounts": {root: true, outside: ordinary(), inside: append([]string{"unshare", "-Urm"}, below(tmpfsWork)...), user: true},
		"mounts":            {root: true, inside: append([]string{"unshare", "-m"}, below(tmpfsWork)...)},
		"processes":         {root: true, inside: []string{"unshare", "-pfm", "--mount-proc"}},
		"chroot":            {root: true, inside: []string{"chroot", baseArg}, chroot: true},
		"chroot-with-proc":  {root: true, inside: append([]string{"unshare", "-m"}, below(procInner, "chroot", baseArg)...), chroot: true},
		"chroot-user":       {root: true, inside: append([]string{"chroot", "--userspec=12345:23456", "--groups=34567"}, baseArg), chroot: true, user: true},
		"i386":              {root: true, goarch: "386"},
		"i386-user":         {root: true, goarch: "386", outside: ordinary(), user: true, thread: true},
		"as-started":        {disk: true},
	}
}

// order is that of the environments; those that find most come first.
func order() []string {
	return []string{"as-started", "root", "root-thread", "user", "user-under-root", "i386", "i386-user", "userns", "userns-of-root", "userns-and-mounts", "mounts",
		"processes", "chroot", "chroot-with-proc", "chroot-user"}
}

// Environments are those in which this process can make the checks: as root all but one, otherwise only "as-started".
func (s *Suite) Environments() []Env {
	var all []Env
	for _, name := range order() {
		sh := shapes()[name]
		if sh.root != s.root() {
			continue
		}
		e := Env{Name: name, shape: sh, suite: s}
		e.runs = sync.OnceValues(e.run)
		all = append(all, e)
	}
	return all
}

// arch names the probe's architecture as Go does.
func (s shape) arch() string {
	if s.goarch == "" {
		return "amd64"
	}
	return s.goarch
}

// A place is where one run takes place.
type place struct {
	base  string // on this side
	probe string // the three as the target sees them
	work  string
	fix   string
}

func (e Env) place(side string) place {
	dir := e.suite.memory
	if e.disk {
		dir = e.suite.dir
	}
	base := filepath.Join(dir, e.Name, side)
	if e.chroot {
		return place{base, "/probe", "/work", "/fix"}
	}
	return place{base, filepath.Join(e.suite.dir, "probe-"+e.arch()), filepath.Join(base, "work"), filepath.Join(base, "fix")}
}
