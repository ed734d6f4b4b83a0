package oci

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestRuntimeShortForms: files: and network: are judged by the supervisor where a runtime starts the program, which Landlock cannot follow.
func TestRuntimeShortForms(t *testing.T) {
	need(t, "runc")
	m := newMachine(t)
	m.usable("runc")
	m.write("closed", `version: 1
default: allow
files: {read: [/], write: [/dev], create: [/tmp, /data], exec: [/], hide: [/data/keys], deny: [/etc/passwd]}
network: {connect: ["127.0.0.1:9"]}
`)
	for _, dir := range []string{"data/keys", "data/open"} {
		if err := os.MkdirAll(filepath.Join(m.root, dir), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"ls", "cat", "nc", "ln"} {
		os.Symlink("busybox", filepath.Join(m.root, "bin", name))
	}
	for name, text := range map[string]string{"data/keys/key": "secret\n", "bin/closed": "#!/bin/sh\n" + closedScript} {
		if err := os.WriteFile(filepath.Join(m.root, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	export := exec.Command(stead(t), "policy", "export", "--oci", "--listener", m.dir+"/agent.sock", "--agent", "closed", m.dir+"/closed.yaml")
	profile, err := export.Output() // warnings are on standard error
	if err != nil {
		t.Fatal(err)
	}
	for name, userns := range map[string]bool{"rootful": false, "userns": true} {
		t.Run(name, func(t *testing.T) {
			out := m.run(m.runtime("runc", "run", "--bundle", m.bundle(name, profile, userns, "/bin/closed"), name)...)
			if want := closedOutput; out != want {
				t.Errorf("it said\n%s\nwant\n%s", out, want)
			}
			eventually(t, "the end", func() bool { return !strings.Contains(m.ps(), name) })
			for _, want := range []string{`"errno":"ENOENT","rule":"files"`, `"errno":"EACCES","rule":"files"`, `"errno":"EACCES","rule":"network"`} {
				if !strings.Contains(m.records(name), want) {
					t.Errorf("no %s in the record", want)
				}
			}
		})
	}
}

const closedScript = `exec 2>&1
ls /data
cat /data/keys/key
ln -s ../data/keys /tmp/link; cat /tmp/link/key
cat /proc/self/root/data/keys/key
cat /etc/passwd
echo x >/tmp/made && cat /tmp/made
echo x >/bin/made
nc 127.0.0.1 10 </dev/null
nc 127.0.0.1 9 </dev/null
ls /proc/self/fd/1
`

const closedOutput = `open
cat: can't open '/data/keys/key': No such file or directory
cat: can't open '/tmp/link/key': No such file or directory
cat: can't open '/proc/self/root/data/keys/key': No such file or directory
cat: can't open '/etc/passwd': Permission denied
x
/bin/closed: line 9: can't create /bin/made: Permission denied
nc: can't connect to remote host (127.0.0.1): Permission denied
nc: can't connect to remote host (127.0.0.1): Connection refused
/proc/self/fd/1
`
