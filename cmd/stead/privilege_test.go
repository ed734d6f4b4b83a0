package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stead-project/stead/internal/testneed"
)

const loss = "no effect under no_new_privs"

// privileged makes a copy of id(1) that belongs to another user, with mode bits.
func privileged(t *testing.T, name string, mode os.FileMode) string {
	t.Helper()
	if os.Getuid() != 0 {
		testneed.Missing(t, "needs root to give a program another owner")
	}
	text, err := os.ReadFile("/usr/bin/id")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(work, name)
	if err := os.WriteFile(path, text, 0o755); err != nil {
		t.Fatal(err)
	}
	const nobody = 65534
	if err := os.Chown(path, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o755|mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestLostPrivilege: a set-id program runs without the privilege; that is said once, and recorded with each execution.
func TestLostPrivilege(t *testing.T) {
	for name, mode := range map[string]os.FileMode{"setuid": os.ModeSetuid, "setgid": os.ModeSetgid} {
		path := privileged(t, name, mode)
		for _, verb := range []string{"run", "trace -o /dev/null", "trace -c -o /dev/null"} {
			args := append(strings.Fields(verb), "--", "/bin/sh", "-c", path+" -u; cd "+work+"; ./"+name+" -g; "+path+" -u")
			r := stead(t, args...)
			if r.code != 0 || r.stdout != "0\n0\n0\n" || strings.Count(r.stderr, loss) != 1 || !strings.Contains(r.stderr, path) {
				t.Errorf("%s with %s: %+v", verb, name, r)
			}
		}
	}
	path := privileged(t, "recorded", os.ModeSetuid)
	r := stead(t, "--log-level", "off", "trace", "--format", "json", "--calls", "execve", "--", "/bin/sh", "-c", path+"; "+path+"; :")
	list := records(t, r.stderr)
	if len(list) != 3 || list[0]["note"] != nil || list[1]["note"] == nil || list[2]["note"] == nil {
		t.Errorf("records %v", list)
	}
}

// TestFileCapabilities matter to those who have not all of them anyway.
func TestFileCapabilities(t *testing.T) {
	path := privileged(t, "capable", 0)
	if text, err := exec.Command("setcap", "cap_net_raw+ep", path).CombinedOutput(); err != nil {
		testneed.Missing(t, "cannot set file capabilities: %v: %s", err, text)
	}
	if r := stead(t, "run", "--", path, "-u"); r != (result{stdout: "0\n"}) {
		t.Errorf("root: %+v", r)
	}
	os.Chmod(work, 0o755)
	as := []string{"setpriv", "--reuid", "1234", "--regid", "1234", "--clear-groups", steadPath(), "run", "--", path, "-u"}
	if r := (launch{argv: as}).run(t); r.code != 0 || r.stdout != "1234\n" || strings.Count(r.stderr, loss) != 1 {
		t.Errorf("another user: %+v", r)
	}
}

// TestNoPrivilegeToLose is about programs that would gain nothing.
func TestNoPrivilegeToLose(t *testing.T) {
	path := privileged(t, "own", os.ModeSetuid|os.ModeSetgid)
	if err := os.Chown(path, 0, 0); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o755|os.ModeSetuid|os.ModeSetgid); err != nil {
		t.Fatal(err)
	}
	for _, program := range []string{path, "/usr/bin/id"} {
		if r := stead(t, "run", "--", program, "-u"); r != (result{stdout: "0\n"}) {
			t.Errorf("%s: %+v", program, r)
		}
	}
}
