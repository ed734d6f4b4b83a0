package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A report is what the tests compare: lines of JSON with a step's name and its outcome.
type report struct {
	out   *json.Encoder
	group string
	dir   string // the group's
}

func newReport() *report {
	e := json.NewEncoder(os.Stdout)
	e.SetEscapeHTML(false)
	return &report{out: e, group: "all"}
}

// mountWork mounts where everything happens. Whether the container's root is shared does not matter there.
func mountWork() error {
	if err := unix.Mount("work", work, "tmpfs", 0, "mode=755"); err != nil {
		return err
	}
	return unix.Mount("", work, "", unix.MS_PRIVATE, "")
}

// enter begins a group in a directory of its own.
func (r *report) enter(name string) {
	r.group, r.dir = name, filepath.Join(work, name)
	must("directory", os.MkdirAll(r.dir, 0o755))
	must("directory", os.Chdir(r.dir))
}

// dirs makes directories in the group's.
func (r *report) dirs(names ...string) {
	for _, name := range names {
		must("directory", os.MkdirAll(filepath.Join(r.dir, name), 0o755))
	}
}

// file makes a file in the group's directory.
func (r *report) file(name, text string) {
	must("file", os.WriteFile(filepath.Join(r.dir, name), []byte(text), 0o644))
}

func (r *report) say(step string, result any) {
	must("report", r.out.Encode(struct{ Step, Result string }{r.group + "/" + step, fmt.Sprint(result)}))
}

// err reports an errno.
func (r *report) err(step string, err error) {
	text := "ok"
	if err != nil {
		text = err.Error()
	}
	r.say(step, text)
}

// mounts reports what is mounted below the group's directory.
func (r *report) mounts(step string) { r.say(step, strings.Join(mountsBelow(r.dir), "\n")) }

// both reports an errno and what is mounted afterwards.
func (r *report) both(step string, err error) {
	r.err(step, err)
	r.mounts(step + ", mountinfo")
}

// stat reports a file's owner, mode and device.
func (r *report) stat(step, path string) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		r.err(step, err)
		return
	}
	r.say(step, fmt.Sprintf("%d:%d %o %d:%d", st.Uid, st.Gid, st.Mode, unix.Major(st.Rdev), unix.Minor(st.Rdev)))
}

// mountsBelow is mountinfo without what differs from one run to the next: ids, device numbers, and the numbers of peer groups
// (proc_pid_mountinfo(5)). What is left is the root, the place, the options, the propagation, the type, the source and the file
// system's options.
func mountsBelow(dir string) (list []string) {
	text, err := os.ReadFile("/proc/thread-self/mountinfo")
	must("mountinfo", err)
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) > 6 && strings.HasPrefix(f[4], dir+"/") {
			list = append(list, plain(strings.Join(f[3:], " ")))
		}
	}
	return list
}

func plain(line string) string {
	line = regexp.MustCompile(`(shared|master|propagate_from):[0-9]+`).ReplaceAllString(line, "$1:N")
	line = regexp.MustCompile(`/dev/loop[0-9]+`).ReplaceAllString(line, "/dev/loopN")
	line = strings.ReplaceAll(line, "lowerdir+=", "lowerdir=")
	layers := regexp.MustCompile(`(lowerdir=[^ ,]*),lowerdir=`) // in one option, or one by one
	for layers.MatchString(line) {
		line = layers.ReplaceAllString(line, "$1:")
	}
	return line
}

func itoa(n int) string { return strconv.Itoa(n) }
