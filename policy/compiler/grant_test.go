package compiler

import (
	"strings"
	"testing"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/internal/landlockabi"
	"github.com/stead-project/stead/policy"
)

// lending are the options of a supervisor that mounts, makes devices for others, and answers as root would.
func lending() Options {
	r := policy.Range{Performable: selectCalls("mknod,mknodat,chown,mkdir"), Granted: selectCalls("mount,umount2,fsopen"), Checked: selectCalls("pivot_root")}
	r.As[policy.AsTarget] = r.Performable
	r.As[policy.AsSupervisor] = selectCalls("mknod,mknodat,chown,mount,umount2,fsopen")
	r.As[policy.AsFakeRoot] = selectCalls("chown,setuid,getuid")
	return Options{Range: r, ABIs: []arch.ABI{arch.X86_64}}
}

func TestAs(t *testing.T) {
	p := compiled(t, `
default: allow
rules:
  - {calls: [mknod, mknodat], when: pathname.under("/x"), then: perform, as: supervisor, devices: ["c 10:*"]}
  - {calls: [setuid, chown], then: perform, as: fake-root}
  - {calls: [mount], when: source.under("/images"), then: perform, sources: [/images], refuse: [suid], fuse: {ext4: fuse2fs}, idmap: auto, force: [nodev]}
  - {calls: [mkdir], when: pathname.under("/x"), then: perform}
`, lending())
	for name, want := range map[string]policy.As{"mknod": policy.AsSupervisor, "mknodat": policy.AsSupervisor, "chown": policy.AsFakeRoot,
		"setuid": policy.AsFakeRoot, "mkdir": policy.AsTarget, "mount": policy.AsTarget} {
		id, _ := arch.LookupID(name)
		if got := p.As(id); got != want {
			t.Errorf("%s is performed as %v, want %v", name, got, want)
		}
	}
	id, _ := arch.LookupID("mount")
	g := p.tables[arch.X86_64].list(id)[0].decision.Grant
	if g == nil || g.Force != 4 || !g.IDMap || g.FUSE["ext4"] != "fuse2fs" || len(g.Refuse) != 1 || !g.Sources.Holds([]byte("/images/a")) || g.Sources.Holds([]byte("/imagesque")) {
		t.Errorf("mount's grant is %+v", g)
	}
}

// TestFakeRootInside: files: bounds what is performed as fake-root, which Landlock does not see.
func TestFakeRootInside(t *testing.T) {
	o := lending()
	o.Landlock = landlockabi.Newest
	p := compiled(t, `
default: allow
files: {read: [/usr], create: [/srv]}
rules:
  - {calls: [chown, setuid], then: perform, as: fake-root}
`, o)
	for at, want := range map[string]policy.Verdict{"/srv/a": policy.Perform, "/usr/a": policy.Deny, "/etc": policy.Deny} {
		got := decision(t, p, `chown("x", 1, 2)`, pathsOf{map[int]string{0: at}, false})
		if got.Verdict != want || want == policy.Deny && int(got.Errno) != 13 {
			t.Errorf("chown of %s: %v %v, want %v", at, got.Verdict, got.Errno, want)
		}
	}
	if got := decision(t, p, `setuid(5)`, pathsOf{}); got.Verdict != policy.Perform {
		t.Errorf("setuid: %v", got.Verdict)
	}
}

// TestFakeRootRefusesNothing: calls that go around a policy are refused where there is something to go around.
func TestFakeRootRefusesNothing(t *testing.T) {
	const rules = "rules:\n  - {calls: [chown, setuid], then: perform, as: fake-root}\n"
	o := lending()
	o.Landlock = landlockabi.Newest
	for text, want := range map[string]policy.Verdict{
		"default: allow\n" + rules: policy.Allow, "default: allow\nfiles: {read: [/]}\n" + rules: policy.Deny} {
		if got := decision(t, compiled(t, text, o), `ptrace(PTRACE_TRACEME)`, pathsOf{}); got.Verdict != want {
			t.Errorf("%s: ptrace: %v, want %v", text, got.Verdict, want)
		}
	}
}

func TestAsErrors(t *testing.T) {
	for rules, want := range map[string]string{
		`  - {calls: [mkdir], then: perform, as: supervisor}`:       "mkdir cannot be performed as supervisor: name such calls in a rule of their own",
		`  - {calls: [chown, mkdir], then: perform, as: fake-root}`: "mkdir cannot be performed as fake-root",
		`  - {calls: [chown], when: owner == 1u, then: perform, as: fake-root}
  - {calls: [chown], then: perform, as: supervisor}`: "performs chown as supervisor, and rule",
		`  - {calls: [pivot_root], then: perform, as: supervisor}`:                 "pivot_root cannot be performed as supervisor",
		`  - {calls: [mkdir], when: pathname.initial, then: deny}`:                 "pathname.initial is known for calls that mount and unmount, and mkdir is none of them",
		`  - {calls: [umount2], when: target.initial == true, then: deny}`:         "target.initial, true or false, cannot be calculated with",
		`  - {calls: [mkdir], when: 'pathname.fstype == "proc"', then: deny}`:      "pathname.fstype is known for calls that mount and unmount, and mkdir is none of them",
		`  - {calls: [umount2], when: target.dir.initial, then: deny}`:             `has no part "initial"`,
		`  - {calls: [umount2], when: target.initail, then: deny}`:                 "did you mean initial?",
		`  - {calls: [mount], when: filesystemtype.initial, then: {deny: EACCES}}`: `has no part "initial"`,
	} {
		_, err := Compile(load(t, "default: allow\nrules:\n"+rules+"\n"), lending())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n got %v\nwant %s", rules, err, want)
		}
	}
}
