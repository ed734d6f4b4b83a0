package oci

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const pretendingScript = `exec 2>&1
cd /data
id -u; touch f; chown 12:2000000 f; chmod 4750 f; mknod d b 8 0; chown 3:4 d
stat -c '%n %u:%g %a %t' f d
tar cf t.tar f d; mkdir out; tar xf t.tar -C out; stat -c '%n %u:%g %a %t' out/f out/d
`

const pretendingOutput = `0
f 12:2000000 4750 0
d 3:4 644 8
out/f 12:2000000 4750 0
out/d 3:4 644 8
`

// TestRuntimeFakeRoot: in a container, owners that its user namespace does not have, and devices, are taken for what root would make of them.
func TestRuntimeFakeRoot(t *testing.T) {
	need(t, "runc")
	m := newMachine(t)
	m.usable("runc")
	m.write("pretending", "version: 1\ninclude: [preset:fake-root]\n")
	for _, name := range []string{"id", "touch", "chown", "chmod", "mknod", "stat", "tar", "mkdir"} {
		os.Symlink("busybox", filepath.Join(m.root, "bin", name))
	}
	if err := os.WriteFile(filepath.Join(m.root, "bin/pretending"), []byte("#!/bin/sh\n"+pretendingScript), 0o755); err != nil {
		t.Fatal(err)
	}
	export := exec.Command(stead(t), "policy", "export", "--oci", "--listener", m.dir+"/agent.sock", "--agent", "pretending", m.dir+"/pretending.yaml")
	profile, err := export.Output() // warnings are on standard error
	if err != nil {
		t.Fatal(err)
	}
	for name, userns := range map[string]bool{"rootful": false, "userns": true} {
		t.Run(name, func(t *testing.T) {
			data := filepath.Join(m.root, "data")
			os.RemoveAll(data)
			if err := os.Mkdir(data, 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(data, 0o777); err != nil {
				t.Fatal(err)
			}
			out := m.run(m.runtime("runc", "run", "--bundle", m.bundle(name, profile, userns, "/bin/pretending"), name)...)
			if out != pretendingOutput {
				t.Errorf("it said\n%s\nwant\n%s", out, pretendingOutput)
			}
			eventually(t, "the end", func() bool { return !strings.Contains(m.ps(), name) })
			st, err := os.Stat(filepath.Join(data, "d"))
			if err != nil || !st.Mode().IsRegular() || st.Sys().(*syscall.Stat_t).Uid == 3 {
				t.Errorf("really there is %v, %v", st, err)
			}
		})
	}
}
