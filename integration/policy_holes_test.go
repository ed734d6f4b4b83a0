package integration

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stead-project/stead/internal/testneed"
)

// unspecified sends, and binds, to an internet address that says nothing of its family.
const unspecified = `
import ctypes, socket, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
def address(family, port, ip): return struct.pack("<H", family) + struct.pack(">H", port) + socket.inet_aton(ip) + bytes(8)
def done(r): return ctypes.get_errno() if r < 0 else 0
port = int(sys.argv[1])
for family in 2, 0:
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    b = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    print(done(libc.sendto(s.fileno(), b"x", 1, 0, address(family, port, "127.0.0.1"), 16)),
          done(libc.bind(b.fileno(), address(family, 47123, "0.0.0.0"), 16)))
s.connect(("127.0.0.2", 5000))
print(done(libc.connect(s.fileno(), address(0, 0, "0.0.0.0"), 16)))
`

// An address without a family reaches nothing that the addresses of a policy do not.
func TestPolicyUnspecifiedAddress(t *testing.T) {
	testneed.Programs(t, "python3")
	needLandlock(t)
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	port := fmt.Sprint(c.LocalAddr().(*net.UDPAddr).Port)
	eachUser(t, func(t *testing.T, d *desk) {
		const policy = "default: allow\nnetwork: {connect: ['127.0.0.2:5000'], listen: ['127.0.0.2:5001']}\n"
		if r := d.under(t, policy, "", "python3", "-c", unspecified, port); r.code != 0 || r.stdout != "13 13\n97 97\n0\n" {
			t.Errorf("%+v", r)
		}
		if err := c.SetReadDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if n, from, err := c.ReadFrom(make([]byte, 9)); err == nil {
			t.Errorf("%d bytes came from %v", n, from)
		}
	})
}

// What is hidden or denied stays so below a glob, and by whatever link a policy writes it.
func TestPolicyDeniedByLink(t *testing.T) {
	needLandlock(t)
	eachUser(t, func(t *testing.T, d *desk) {
		if err := os.MkdirAll(filepath.Join(d.dir, "real/keys"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("real", filepath.Join(d.dir, "link")); err != nil {
			t.Fatal(err)
		}
		secret := d.write(t, "real/keys/secret", "secret\n")
		for _, files := range []string{
			"read: [/usr, /etc, /lib, /lib64, %[1]s/real], deny: [%[1]s/link/keys]",
			"read: [/usr, /etc, /lib, /lib64, %[1]s/link], deny: [%[1]s/real/keys]",
			"read: [/usr, /etc, /lib, /lib64, %[1]s/real], deny: ['%[1]s/real/k*s']",
			"read: [/usr, /etc, /lib, /lib64, %[1]s/real], deny: ['%[1]s/link/k*s/**']",
			"read: [/], hide: ['%[1]s/*/keys']",
		} {
			policy := "default: allow\nfiles: {exec: [/usr, /bin, /lib, /lib64], " + fmt.Sprintf(files, d.dir) + "}\n"
			if r := d.under(t, policy, "", "cat", secret); r.code != 1 || r.stdout != "" {
				t.Errorf("%s: %+v", files, r)
			}
		}
	})
}

// A file that may only be read keeps its flags, although the descriptor is good enough for the kernel.
func TestPolicyReadOnlyFlags(t *testing.T) {
	testneed.Programs(t, "python3")
	needLandlock(t)
	if runtime.GOARCH != "amd64" {
		testneed.Missing(t, "the number is x86_64's")
	}
	const flags = "import fcntl, os, sys\ntry: fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x40086602, bytes(8))\nexcept OSError as e: print(e.errno)\n"
	eachUser(t, func(t *testing.T, d *desk) {
		file := d.write(t, "file", "x")
		if r := d.do(t, "run", "--preset", "read-only", "--", "python3", "-c", flags, file); r.stdout != "30\n" {
			t.Errorf("%+v", r)
		}
	})
}

// Nothing is moved to where a glob does not hide it any more.
func TestPolicyMovedFromGlob(t *testing.T) {
	testneed.Programs(t, "python3")
	needLandlock(t)
	eachUser(t, func(t *testing.T, d *desk) {
		if err := os.MkdirAll(filepath.Join(d.dir, "homes/ann/keys"), 0o777); err != nil {
			t.Fatal(err)
		}
		d.write(t, "homes/ann/keys/secret", "secret\n")
		policy := fmt.Sprintf("default: allow\nfiles: {read: [/], create: ['%[1]s'], exec: [/usr, /bin, /lib, /lib64], hide: ['%[1]s/homes/*/keys']}\n", d.dir)
		move := fmt.Sprintf("cd %s; python3 -c 'import os; os.rename(\"homes/ann\", \"moved\")' 2>&1 | tail -1; cat moved/keys/secret", d.dir)
		if r := d.under(t, policy, "", "/bin/sh", "-c", move); strings.Contains(r.stdout, "secret") || !strings.Contains(r.stdout, "Errno 18") {
			t.Errorf("%+v", r)
		}
	})
}
