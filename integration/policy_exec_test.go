package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What may be executed where something beside it may not, and where links lead there.
func TestPolicyExecBeside(t *testing.T) {
	needLandlock(t)
	eachUser(t, func(t *testing.T, d *desk) {
		for _, dir := range []string{"bin", "bin/no", "bin/yes"} {
			if err := os.Mkdir(filepath.Join(d.dir, dir), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		for _, file := range []string{"bin/no/p", "bin/yes/p1", "bin/yes/p2", "bin/yes/q"} {
			script := filepath.Join(d.dir, file)
			if err := os.WriteFile(script, []byte("#!/bin/sh\necho ran\n"), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		for link, to := range map[string]string{"bin/link": "no", "bin/p": "no/p", "outside": "bin/no"} {
			if err := os.Symlink(to, filepath.Join(d.dir, link)); err != nil {
				t.Fatal(err)
			}
		}
		system := "/usr, /bin, /lib, /lib64"
		for _, c := range []struct{ exec, run, refused string }{
			{"'${CWD}/bin'", "bin/yes/p1 bin/yes/q", "bin/no/p bin/link/p bin/p"},
			{"'${CWD}/outside'", "", "bin/no/p outside/p bin/yes/q"},
			{"'${CWD}/bin/*/p*'", "bin/yes/p1 bin/yes/p2", "bin/no/p bin/link/p bin/p bin/yes/q"},
		} {
			policy := "default: allow\nfiles: {read: [/], create: ['${CWD}', /dev], exec: [" + system + ", " + c.exec + "], deny: ['${CWD}/bin/no']}\n"
			for i, programs := range []string{c.run, c.refused} {
				for _, program := range strings.Fields(programs) {
					r := d.under(t, policy, "", "/bin/sh", "-c", "exec ./"+program)
					if ran := r.code == 0 && r.stdout == "ran\n"; ran != (i == 0) || !ran && !strings.Contains(r.stderr, "denied") {
						t.Errorf("exec: %s: %s: %+v", c.exec, program, r)
					}
				}
			}
		}
	})
}
