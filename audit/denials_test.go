package audit

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/policy/callspec"
)

// What is advised fits what was refused.
func TestDenials(t *testing.T) {
	for _, c := range []struct{ call, rule, reason, want string }{
		{`openat(AT_FDCWD, "/etc/shadow", O_RDONLY)`, "files", "", "files: {read: [/etc/shadow]}"},
		{`openat(AT_FDCWD, "/etc/shadow", O_RDWR)`, "files", "", "files: {write: [/etc/shadow]}"},
		{`openat(AT_FDCWD, "/etc/new", O_WRONLY|O_CREAT, 0644)`, "files", "", "files: {create: [/etc/new]}"},
		{`mkdir("/etc/new", 0755)`, "files", "", "files: {create: [/etc/new]}"},
		{`unlinkat(AT_FDCWD, "/etc/new", 0)`, "default", "", "files: {create: [/etc/new]}"},
		{`chmod("/etc/new", 0755)`, "files", "", "files: {write: [/etc/new]}"},
		{`execve("/opt/x", ["x"], [])`, "exec", "", "files: {exec: [/opt/x]}"},
		{`stat("/etc/new", NULL)`, "files", "it is hidden", "take it out of hide or deny"},
		{`mkdir("new", 0755)`, "no directories", "", "- {calls: [mkdir], then: allow}"},
		{`connect(3, tcp:10.0.0.1:80)`, "network", "", "an entry of network:"},
	} {
		call, err := callspec.Parse(c.call, arch.X86_64)
		if err != nil {
			t.Fatal(err)
		}
		e := &Event{Call: call, Outcome: Answered, Errno: unix.EACCES, Decision: policy.Decision{Verdict: policy.Deny, Rule: c.rule, Reason: c.reason}}
		refused, advice, _ := strings.Cut(string(appendDenial(nil, e)), "\nstead: to allow it: ")
		if !strings.HasPrefix(advice, c.want) || !strings.Contains(refused, " with EACCES, by rule "+c.rule) || !strings.Contains(refused, c.reason) {
			t.Errorf("%s: %q, %q, want %q", c.call, refused, advice, c.want)
		}
	}
}
