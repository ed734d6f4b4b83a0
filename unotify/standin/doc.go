// Package standin runs tasks that make system calls in somebody else's stead: with the target's namespaces, root, ids, groups,
// capabilities and umask, and with the supervisor's memory and descriptors. A path that a task opens is judged by the kernel as if
// the target had opened it, and the descriptor is at once the supervisor's; a buffer in Go memory can be an argument as it is.
//
// # Why a process of its own, in C
//
// A thread of a Go program can take other ids, but it cannot join a user namespace: setns(2) refuses that to a process with
// more than one thread, and to one that shares its file system context. So a task is cloned with CLONE_VM and CLONE_FILES and with
// neither CLONE_THREAD nor CLONE_FS. It is no thread of the Go runtime, has the thread-local storage of the thread that cloned
// it, and so may run no Go code and no C library function that uses errno; what it runs is one loop of C that takes a call's
// number and arguments from shared memory and puts the result there. CLONE_VM, because without it arguments and results would
// have to be copied and checked, and starting a task would copy the supervisor's page tables.
//
// A task has no handler but an empty one for SIGURG (for [Task.Interrupt]) and blocks all other signals. It dies with the supervisor:
// by its death signal or, where the supervisor has no right to signal it, by looking once a second.
//
// # How a call is handed over
//
// The task says that it is ready by a call of its own that is a seccomp notification, and the supervisor's reply starts the next
// one: with SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (Linux 6.6) both change places on one CPU. Where that is not to be had (an older kernel,
// or a supervisor that is supervised itself, since there is one listener per chain of filters) the state word of the mailbox is
// a futex, which wakes the other side on an idle CPU if there is one. In both, the word says what is true, and a
// wake-up makes the other side only look at it. CLONE_CHILD_CLEARTID makes the kernel clear the word when the task ends,
// so no end goes unnoticed.
//
// # What a caller must know
//
// Descriptors: all tasks and threads have one table. Open everything with O_CLOEXEC; an os/exec of the supervisor may happen
// at any moment.
//
// Memory: whoever may trace a task may read and write the supervisor. A task with the target's ids, in the target's user
// namespace, where somebody may have every capability, is protected by one thing: the process is not dumpable
// (ptrace(2), "Ptrace access mode checking"), which then takes CAP_SYS_PTRACE in the supervisor's user namespace.
// A supervisor calls prctl(PR_SET_DUMPABLE, 0) before anything else; [Task.Become] does it again before it changes anything. It must
// never be undone. For a supervisor that is not root this makes its own /proc/self files root's: those that only the owner may
// open are closed to it (proc(5)), and /proc/PID/fd of the supervisor is closed to its own tasks.
//
// Signals: a target in the supervisor's pid namespace that has the task's real or saved user id may send it signals. Killing or
// stopping it makes calls fail with ESRCH, which denies them; SIGURG makes a blocked one fail with EINTR. It may also
// lower the task's resource limits (prlimit(2)). All of that harms those only that the task acts for, so a task should not serve
// targets with different identities. What a killed task had just opened stays open and nobody knows its number, which is why
// a Starter bounds how many of its tasks may be killed ([ErrKilled]): a Starter should not serve different containers.
//
// Not taken from the target: its Landlock domain and other labels of security modules, its keyrings, resource limits, cgroups, network
// and pid namespace, controlling terminal, no_new_privs and securebits.
//
// Executing: a task has the supervisor's memory, and so executes nothing. Package launch can have it start a copy of itself that does
// (launch.Options.By); [Task.Limit] then gives it the capability sets that matter to who executes.
//
// A task that is stuck in the kernel where no signal reaches it keeps the supervisor's memory and descriptors, listeners among
// them, beyond the supervisor's own end.
//
// # Cost
//
// On two busy CPUs of a virtual machine, where getppid(2) itself takes 0.2 microseconds: a call 6 microseconds by notification, wherever both
// sides run; by futex 5 with both pinned to one CPU, and 5 to 43 without (the more, the idler the other CPU). Starting and
// ending a task takes 0.2 milliseconds, so tasks are worth keeping. BenchmarkCall, BenchmarkStart and BenchmarkBecome measure them.
//
// Linux 5.3 and later; user namespaces of the kernel's configuration are needed only to join one.
package standin
