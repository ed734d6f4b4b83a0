package integration

import (
	"runtime"
	"testing"

	"github.com/stead-project/stead/internal/testneed"
	"github.com/stead-project/stead/unotify/landlock"
)

// sockets tries sockets that obey no rule on ports, and says the error's number of each.
const sockets = `
import os, socket
def attempt(name, f):
    try:
        f()
        print(name, 0)
    except OSError as e:
        print(name, e.errno)
INET, STREAM, DGRAM = socket.AF_INET, socket.SOCK_STREAM, socket.SOCK_DGRAM
attempt("tcp", lambda: socket.socket(INET, STREAM))
attempt("mptcp", lambda: socket.socket(INET, STREAM, 262))
attempt("raw", lambda: socket.socket(INET, socket.SOCK_RAW, 1))
attempt("vsock", lambda: socket.socket(40, STREAM))
attempt("unix", lambda: socket.socket(socket.AF_UNIX, STREAM))
attempt("connect", lambda: socket.socket(INET, STREAM).connect(("127.0.0.1", 9)))
attempt("fast open", lambda: socket.socket(INET, STREAM).sendto(b"x", socket.MSG_FASTOPEN, ("127.0.0.1", 9)))
attempt("memory", lambda: os.memfd_create("x"))
attempt("sealed memory", lambda: os.memfd_create("x", 8))
`

// Where Landlock has no word for a way around a short form, the filter closes it.
func TestPolicyGuards(t *testing.T) {
	testneed.Programs(t, "python3")
	needLandlock(t)
	const want = "tcp 0\nmptcp 93\nraw 13\nvsock 13\nunix 13\nconnect 13\nfast open 95\nmemory 13\nsealed memory 0\n"
	eachUser(t, func(t *testing.T, d *desk) {
		const policy = "default: allow\nfiles: {read: [/], exec: [/usr, /lib, /lib64]}\nnetwork: {listen: [':8080']}\n"
		if r := d.under(t, policy, "", "python3", "-c", sockets); r.code != 0 || r.stdout != want {
			t.Errorf("%+v, want %s", r, want)
		}
		datagram := "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM)"
		if abi, _ := landlock.ABI(); abi < 10 {
			if r := d.under(t, policy, "", "python3", "-c", datagram); r.code != 1 {
				t.Errorf("UDP, which this kernel's Landlock does not bound: %+v", r)
			}
		}
		if r := d.under(t, "default: allow\n", "", "python3", "-c", datagram); r.code != 0 {
			t.Errorf("no policy on networks: %+v", r)
		}
	})
}

// around makes calls that go around a policy, by their x86_64 numbers: io_uring_setup, open_by_handle_at, userfaultfd, ptrace,
// process_vm_writev, pidfd_getfd.
const around = `
import ctypes
c = ctypes.CDLL(None, use_errno=True)
def attempt(number):
    r = c.syscall(number, -1, 0, 0, 0, 0, 0)
    return ctypes.get_errno() if r < 0 else 0
print(*[attempt(n) for n in (425, 304, 323, 101, 311, 438)])
`

// A policy that refuses anything refuses what would go around it; a rule that names such a call opens it.
func TestPolicyAround(t *testing.T) {
	testneed.Programs(t, "python3")
	if runtime.GOARCH != "amd64" {
		testneed.Missing(t, "the numbers are x86_64's")
	}
	eachUser(t, func(t *testing.T, d *desk) {
		const refuses = "default: allow\nrules:\n  - {calls: [reboot], then: deny}\n"
		if r := d.under(t, refuses, "", "python3", "-c", around); r.stdout != "1 1 1 1 1 1\n" {
			t.Errorf("%+v", r)
		}
		r := d.under(t, refuses+"  - {calls: [pidfd_getfd], then: allow}\n", "", "python3", "-c", around)
		if r.stdout != "1 1 1 1 1 9\n" {
			t.Errorf("named: %+v", r)
		}
	})
}
