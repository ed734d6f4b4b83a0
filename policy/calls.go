package policy

import (
	"strings"

	"github.com/stead-project/stead/arch"
)

// neverNotified are calls whose notification would make programs slow, or wrong: a signal that arrives before the supervisor
// has received the call gives EINTR to callers that never expect it from these (a shell loses its close, a pipeline hangs),
// rt_sigreturn restores registers from the stack frame it was called in, and exit of a thread is waited for by nobody.
const neverNotified = "close,fork,vfork,clone,clone3,exit,exit_group,futex,futex_time64,futex_wait,futex_wake,futex_requeue," +
	"futex_waitv,read,write,readv,writev,pread64,pwrite64,preadv,pwritev,preadv2,pwritev2,rt_sigreturn,sigreturn,restart_syscall," +
	"rt_sigprocmask,sigprocmask,rt_sigsuspend,sigsuspend,sched_yield,nanosleep,clock_nanosleep,clock_nanosleep_time64,rseq," +
	"set_robust_list,get_robust_list,wait4,waitid,waitpid,gettimeofday,clock_gettime,clock_gettime64,time," +
	"poll,ppoll,ppoll_time64,select,_newselect,pselect6,pselect6_time64,epoll_wait,epoll_pwait,epoll_pwait2,epoll_wait_old"

// traced is what an audit wants to know of a program by default: the files, processes, identities, networks and mounts that
// it deals with, not how it moves bytes and manages memory.
const traced = "%file,%network,%process,%creds,@mount,@module,@keyring,@reboot,@swap,@clock,@debug,@setuid,@raw-io,@chown," +
	"fchmod,fchown,ftruncate,ioctl,fcntl,bpf,seccomp,prctl,memfd_create,pidfd_open,pidfd_send_signal,kill,tkill,tgkill,io_uring_setup"

// Executions are the calls that make a process another program.
func Executions() arch.Selection { return mustSelect("execve,execveat") }

// NeverNotified is the set of calls that are notified only when somebody names them.
func NeverNotified() arch.Selection { return mustSelect(neverNotified) }

// TraceDefault is the set of calls that an audit records if nobody says otherwise.
func TraceDefault() arch.Selection { return mustSelect(traced).Minus(NeverNotified()) }

// TraceAll is every call that may safely be notified.
func TraceAll() arch.Selection { return arch.AllCalls().Minus(NeverNotified()) }

// SelectTraced parses a selection for an audit. What is never notified is in it only if it is named: a class or a glob that would
// take it along does not.
func SelectTraced(expr string, base arch.Selection) (arch.Selection, error) {
	s, err := arch.ParseSelection(expr, base)
	if err != nil {
		return s, err
	}
	never := NeverNotified()
	for _, item := range strings.Split(expr, ",") {
		if id, ok := arch.LookupID(strings.TrimPrefix(strings.TrimSpace(item), "?")); ok {
			never.Remove(id)
		}
	}
	return s.Minus(never), nil
}

// mustSelect parses a list of this package; a test covers each.
func mustSelect(list string) arch.Selection {
	s, err := arch.ParseSelection(list, arch.Selection{})
	if err != nil {
		panic(err)
	}
	return s
}
