package oci

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy/filter"
)

// ExportLXC writes what a policy decides on registers as a profile of LXC's, version 2 (lxc.container.conf(5), "SECCOMP
// CONFIGURATION"). What that cannot say, and what the lists leave to the supervisor, becomes notify: the container's configuration
// names the supervisor's socket (lxc.seccomp.notify.proxy).
func ExportLXC(l filter.Lists) ([]byte, []Loss, error) {
	e := &exporter{lists: l}
	if err := e.collect(); err != nil {
		return nil, nil, fmt.Errorf("export LXC profile: %w", err)
	}
	if own := e.lxcOwn(); own != nil {
		return nil, nil, fmt.Errorf("export LXC profile: lxc-start makes %s itself after it has installed the filter, and forwards nothing before its container's program is executed: it would wait for ever. Leave such calls out of the policy, or let the filter decide them",
			strings.Join(own, ", "))
	}
	mode, ok := lxcDefault(e.fallback)
	if !ok {
		return nil, nil, fmt.Errorf("export LXC profile: the format has no word for the default %s: write `default: allow`, deny or kill", e.fallback)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "2\n%s\n[all]\n", mode)
	for i := range e.rules {
		e.lxcRule(&b, &e.rules[i])
	}
	return b.Bytes(), e.losses, nil
}

// lxcOwn are the notified calls that LXC makes itself between the filter and its container's program.
func (e *exporter) lxcOwn() (own []string) {
	for i := range e.rules {
		if e.rules[i].then != filter.Notify {
			continue
		}
		for _, name := range e.callNames(e.rules[i].calls) {
			if slices.Contains(lxcStart(), name) && !slices.Contains(own, name) {
				own = append(own, name)
			}
		}
	}
	slices.Sort(own)
	return own
}

// lxcStart are the calls of LXC 5.0 (do_start() of src/lxc/start.c), as strace(1) shows them, with what the C library may call in their
// stead.
func lxcStart() []string {
	return []string{"access", "brk", "capget", "capset", "chdir", "clock_gettime", "close", "dup2", "dup3", "execve", "faccessat", "fchdir",
		"fchmod", "fchown", "fcntl", "fstat", "futex", "getgid", "getpid", "getrandom", "gettimeofday", "getuid", "ioctl", "mmap", "mprotect",
		"munmap", "newfstatat", "open", "openat", "prctl", "read", "recvmsg", "rt_sigaction", "rt_sigprocmask", "sendmsg", "setgid", "setgroups",
		"setresgid", "setresuid", "setsid", "setuid", "stat", "statx", "write", "writev"}
}

func (e *exporter) lxcRule(b *bytes.Buffer, r *exportRule) {
	action, ok := lxcAction(r.then)
	for _, name := range e.callNames(r.calls) {
		if !ok { // the format cannot record: the supervisor can
			id, _ := arch.LookupID(name)
			e.losses = append(e.losses, Loss{id, "the format has no word for " + r.then.String()})
			action = "notify"
		}
		fmt.Fprintf(b, "%s %s%s\n", name, action, lxcArgs(r.args))
	}
}

func lxcArgs(list []jsonArg) string {
	var parts []string
	for _, a := range list {
		if a.Op == "SCMP_CMP_MASKED_EQ" {
			parts = append(parts, fmt.Sprintf("[%d,%d,%s,%d]", a.Index, a.ValueTwo, a.Op, a.Value))
			continue
		}
		parts = append(parts, fmt.Sprintf("[%d,%d,%s]", a.Index, a.Value, a.Op))
	}
	if parts == nil {
		return ""
	}
	return " " + strings.Join(parts, ",")
}

// lxcDefault is the line that says what becomes of calls that are not named.
func lxcDefault(a filter.Action) (string, bool) {
	if a == filter.Allow {
		return "denylist", true
	}
	action, ok := lxcAction(a)
	return "allowlist " + action, ok && a != filter.Notify
}

func lxcAction(a filter.Action) (string, bool) {
	switch a {
	case filter.Allow:
		return "allow", true
	case filter.Notify:
		return "notify", true
	case filter.Trap:
		return "trap", true
	case filter.KillProcess, filter.KillThread:
		return "kill", true
	}
	number := uint32(a) & maxErrnoData
	return fmt.Sprintf("errno %d", number), a == filter.Errno(0)|filter.Action(number)
}
