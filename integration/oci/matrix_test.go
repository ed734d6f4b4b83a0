package oci

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// The matrix: what a program does inside a container of every runtime, with its calls performed, against the same done by the machine's
// root in namespaces of its own. The calls are those of internal/features; errnos, mountinfo, and what else is seen must be the same,
// but for what accepted lists with the reason.

const matrixPolicy = `version: 1
name: matrix
default: allow
rules:
  - name: judged
    calls: [pivot_root]
    when: put_old.under("/media/granted/new/kept")
    then: {deny: EBUSY}
  - name: other roots
    calls: [pivot_root]
    then: allow
  - name: mounts
    calls: [mount, fsopen]
    then: perform
    sources: [/images]
    idmap: auto
  - name: what the container began with
    calls: [umount2, "?umount"]
    when: target.initial && (target.under("/proc") || target.under("/dev") || target.under("/sys"))
    then: {deny: EBUSY}
  - name: more of mounting
    calls: [umount2, "?umount", fsconfig, fspick, move_mount, open_tree, "?open_tree_attr", mount_setattr]
    then: perform
  - name: mounts by descriptors
    calls: [fsmount]
    then: perform
    idmap: auto
  - name: lent
    calls: [mknod, mknodat, setxattr, lsetxattr, fsetxattr, getxattr, lgetxattr, fgetxattr, listxattr, llistxattr, flistxattr,
      removexattr, lremovexattr, fremovexattr, chown, lchown, fchown, fchownat]
    then: perform
    as: supervisor
  - name: the machine's
    calls: [sysinfo, sched_setscheduler, sethostname, swapon, swapoff, reboot]
    then: perform
  - name: modules
    calls: [init_module, finit_module]
    then: perform
    modules: [stead_matrix]
`

// An acceptance is a difference that is meant, of steps at sites; both are patterns of path.Match.
type acceptance struct{ step, site, reason string }

// here says whether a difference depends on the machine: on its libseccomp, or on how its control groups are set up.
func (a acceptance) here() bool {
	return strings.Contains(a.reason, "libseccomp") || strings.Contains(a.reason, "control group")
}

func accepted() []acceptance {
	const (
		relative = "overlay shows its layers as absolute paths: the kernel is given what they lead to"
		devices  = "the policy names the devices that may be made"
		trusted  = "of trusted.* only what overlay keeps is lent"
		sysfs    = "owners on sysfs are left alone, and the caller is told that they were changed"
		library  = "libseccomp before 2.6 has no open_tree_attr, so the runtime leaves it out of the filter, and the kernel answers"
		realtime = "the container's control group has no share of real time (cpu.rt_runtime_us)"
		theirs   = "the file system is the one that the runtime has mounted, with its options"
		remount  = "the options of a file system that only the supervisor can mount are not changed: remount,bind,ro changes the mount"
		nobody   = "files of the machine's root are nobody's in a user namespace"
		bound    = "no device is made in a user namespace: the machine's is bound to a file, and shows its own owner and mode"
		lender   = "an ordinary user's agent has no rights to lend beyond its containers: no devices, trusted attributes, images, real time"
		overlays = "in a user namespace overlay keeps its things in trusted.*, which it may not write: the option userxattr is for that"
	)
	return []acceptance{
		{"nodes/*", "*/rootless", lender}, {"xattr/*", "*/rootless", lender}, {"images/*", "*/rootless", lender},
		{"system/scheduler*", "*/rootless", lender},
		{"*overlay/relative, mountinfo", "*/*", relative}, {"nodes/forbidden*", "*/*", devices}, {"xattr/other trusted", "*/*", trusted},
		{"system/chown", "*/*", sysfs}, {"setattr/open_tree_attr*", "*/*", library}, {"setattr/attach*", "*/*", library},
		{"setattr/umount, mountinfo", "*/*", library}, {"system/scheduler*", "*/*", realtime},
		{"types/stat * proc *", "*/userns", nobody}, {"types/stat * mqueue *", "*/userns", nobody}, {"types/stat * sysfs *", "*/userns", nobody},
		{"types/mount * sysfs *, mountinfo", "crun/*", theirs},
		{"images/remount *", "*/userns", remount},
		{"nodes/stat *", "*/userns", bound}, {"overlay/*", "*/userns", overlays}, {"api/attach overlay, mountinfo", "*/userns", overlays},
	}
}

// granted is what comes of calls that the machine's root must not make for comparison.
func granted() map[string]string {
	const refused = "operation not permitted"
	return map[string]string{"granted/swapon": "ok", "granted/swapoff": "ok", "granted/reboot": "ok", "granted/finit_module": "bad file descriptor",
		"granted/finit_module of a text": refused, "granted/init_module": refused, "granted/new root": "ok",
		"granted/pivot_root judged": "device or resource busy", "granted/pivot_root": refused}
}

// A matrix is what the tests share.
type matrix struct {
	*machine
	roots  map[string]string // for containers without and with a user namespace, and for an ordinary user's
	native map[string]string
	order  []string
	used   map[acceptance]bool
	sites  int // where all was done
}

// groups are the features that are compared; "granted" is for containers only.
func comparedGroups() []string {
	return []string{"images", "types", "mounts", "propagation", "unmounts", "overlay", "useroverlay", "api", "setattr", "odd", "nodes", "xattr", "system"}
}

func newMatrix(t *testing.T) *matrix {
	m := &matrix{machine: newMachine(t), used: map[acceptance]bool{}}
	m.policies()
	features := addFeatures(t, m.root)
	addImages(t, m.root)
	m.roots = rootsOf(t, m.root)
	out, err := exec.Command(features, append([]string{"enter", m.root, "/bin/features", "run"}, comparedGroups()...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("natively: %v: %s", err, out)
	}
	m.native, m.order = parseReport(t, string(out))
	return m
}

func rootsOf(t testing.TB, root string) map[string]string {
	return map[string]string{"rootful": root, "userns": shifted(t, root, false), "rootless": shifted(t, root, true)}
}

// parseReport reads what features prints.
func parseReport(t testing.TB, text string) (steps map[string]string, order []string) {
	t.Helper()
	steps = map[string]string{}
	for line := range strings.Lines(text) {
		var r struct{ Step, Result string }
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%v in %q of\n%s", err, line, text)
		}
		if _, twice := steps[r.Step]; twice {
			t.Errorf("two steps are called %s", r.Step)
		}
		steps[r.Step] = r.Result
		order = append(order, r.Step)
	}
	return steps, order
}

func TestMatrix(t *testing.T) {
	m := newMatrix(t)
	for _, s := range sites() {
		t.Run(s.name(), func(t *testing.T) {
			need(t, s.needs...)
			here := m.at(t, s)
			out, err := s.do(here.machine, here.job(s, "matrix", append([]string{"/bin/features", "run", "granted"}, comparedGroups()...)...))
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			here.compare(s, out)
			m.sites++
		})
	}
	for _, a := range accepted() {
		if m.sites == len(sites()) && !m.used[a] && !a.here() {
			t.Errorf("nothing differs any more of %+v", a)
		}
	}
}

// at is the matrix for a subtest, where the runtime works.
func (m *matrix) at(t *testing.T, s site) *matrix {
	t.Helper()
	here := *m
	here.machine = m.with(t)
	if s.user {
		here.machine = newMachineOf(t, ordinaryAgent(t))
		here.root = m.root
		here.policies()
		os.Chmod(filepath.Join(here.dir, "matrix.yaml"), 0o644)
	}
	if s.runtime == "ctr" {
		here.containerd()
	}
	here.usableAt(s)
	return &here
}

// policies writes the policy, and the one for LXC, which makes a call of it itself before it forwards any.
func (m *matrix) policies() {
	m.write("matrix", matrixPolicy)
	m.write("lxc", strings.Replace(matrixPolicy, " fchown,", "", 1))
}

// job is a program at a site, under a policy.
func (m *matrix) job(s site, policy string, args ...string) job {
	if s.runtime == "lxc" {
		policy = "lxc"
	}
	id := policy + "-" + strings.ReplaceAll(s.name(), "/", "-")
	return job{id: id, root: m.roots[s.kind()], profile: m.export(policy, policy), userns: s.userns, user: s.user, args: args}
}

// usableAt skips where a runtime runs no container even without a profile.
func (m *matrix) usableAt(s site) {
	m.t.Helper()
	j := m.job(s, "matrix", "/bin/id")
	j.id, j.profile = "probe-"+j.id, nil
	if out, err := s.do(m.machine, j); err != nil || !strings.Contains(out, "uid=0") {
		noRuntime(m.t, "%s runs no container here: %v: %s", s.name(), err, out)
	}
}

// compare finds what is not as it is natively.
func (m *matrix) compare(s site, out string) {
	m.t.Helper()
	got, order := parseReport(m.t, out)
	for step, want := range granted() {
		if got[step] != want {
			m.t.Errorf("%s: %q, want %q", step, got[step], want)
		}
		delete(got, step)
	}
	for _, step := range m.order {
		g, done := got[step]
		if want := m.native[step]; !done || inside(g, s) != want {
			m.differs(s, step, want, g, done)
		}
	}
	for _, step := range order {
		if _, known := m.native[step]; !known && granted()[step] == "" {
			m.differs(s, step, "(not done)", got[step], true)
		}
	}
}

// inside is a result with the ids that the container has for those that the machine shows.
func inside(text string, s site) string {
	if !s.userns {
		return text
	}
	text = regexp.MustCompile(`(uid|gid)=\d+`).ReplaceAllStringFunc(text, func(word string) string {
		kind, number, _ := strings.Cut(word, "=")
		n, _ := strconv.Atoi(number)
		own := n - outside(s.user, 1) + 1
		if n == outside(s.user, 0) {
			own = 0
		}
		return fmt.Sprintf("%s=%d", kind, own)
	})
	return regexp.MustCompile(`,[ug]id=0\b|,idmapped`).ReplaceAllString(text, "")
}

func (m *matrix) differs(s site, step, want, got string, done bool) {
	m.t.Helper()
	for _, a := range accepted() {
		inStep, _ := path.Match(a.step, step)
		atSite, _ := path.Match(a.site, s.name())
		inUser, _ := path.Match(a.site, s.runtime+"/userns")
		if inStep && (atSite || s.user && inUser) {
			m.used[a] = true
			return
		}
	}
	if !done {
		got = "(not done)"
	}
	m.t.Errorf("%s\n  natively  %s\n  performed %s", step, strings.ReplaceAll(want, "\n", "\n            "), strings.ReplaceAll(got, "\n", "\n            "))
}
