/*
 * Starts a program under a seccomp filter and gets hold of the filter's listener without a single call by the program
 * between the filter's installation and execve(2), whatever the filter notifies.
 *
 *   supervisor --vfork--> carrier --clone(CLONE_PARENT | CLONE_FILES)--> child
 *
 * The carrier is unfiltered and shares one table of descriptors with the child. The child installs the filter, which puts the
 * listener into that table, stores its number in shared memory and executes the program; execve takes the child's table
 * apart from the carrier's and closes the child's copy. The carrier sees the number, sends the descriptor to the supervisor
 * and exits. Thanks to CLONE_PARENT the child is the supervisor's own child.
 *
 * A program for somebody else (STEAD_OTHER) is started by a task that is what the program is to be, in the supervisor's place:
 *
 *   task --vfork--> carrier --clone(CLONE_PARENT | CLONE_FILES)--> child
 *
 * The child is a copy then, and has the supervisor's memory no longer in common with it: as soon as it is in somebody's control group, what
 * that group runs out of must not end the supervisor. Only the job is shared. The child says that it is ready, and waits: the supervisor
 * moves it to where it belongs and looks at it, and it goes on when it is told to. It has no descriptor, signal or limit of the
 * supervisor's.
 *
 * It is C because carrier and child run in the supervisor's memory (a copy of a Go process costs several times as much as
 * the whole start), where no Go code may run, and because only a constructor can see the signal dispositions and limits that
 * the process was started with, before the Go runtime changes them.
 *
 * Carrier and child use no C library function that may touch thread-local storage (errno), since they have the caller's.
 */
#define _GNU_SOURCE
#include "child.h"
#include "../internal/csys/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#if !defined(SYS_landlock_restrict_self) && !defined(__mips__) && !defined(__alpha__)
#define SYS_landlock_restrict_self 446 /* the same number everywhere else since Linux 5.13 */
#endif
#if !defined(SYS_close_range) && !defined(__mips__) && !defined(__alpha__)
#define SYS_close_range 436 /* the same number everywhere else since Linux 5.9 */
#endif

#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x1000
#endif

/* The kernel's struct sigaction, which is not the C library's. */
struct kernel_sigaction {
#if defined(__mips__)
	unsigned int flags;
	void *handler;
#else
	void *handler;
	unsigned long flags;
#if !defined(__riscv) && !defined(__loongarch__)
	void *restorer;
#endif
#endif
	uint64_t mask[2]; /* mips has 128 signals */
};

/* What this process was started with. Written once, by the constructor. */
static struct {
	uint64_t ignored; /* bit n-1: signal n */
	uint64_t mask[2];
	struct rlimit nofile;
	int closed; /* bit n: descriptor n (0 to 2), which Go opens */
} start;

__attribute__((constructor)) static void remember_start(void)
{
	for (int sig = 1; sig <= 64; sig++) {
		struct kernel_sigaction act;
		if (sys(SYS_rt_sigaction, sig, 0, (long)&act, SIGSET_BYTES, 0) == 0 && act.handler == (void *)SIG_IGN)
			start.ignored |= 1ULL << (sig - 1);
	}
	sys(SYS_rt_sigprocmask, SIG_SETMASK, 0, (long)start.mask, SIGSET_BYTES, 0);
	getrlimit(RLIMIT_NOFILE, &start.nofile);
	for (int fd = 0; fd <= 2; fd++)
		if (sys(SYS_fcntl, fd, F_GETFD, 0, 0, 0) == -EBADF)
			start.closed |= 1 << fd;
}

static int failed(struct stead_job *job, int stage, long ret)
{
	if (ret >= 0)
		return 0;
	job->stage = stage;
	job->error = (int)-ret;
	return 1;
}

/* restore_signals: no handler of ours may run in our memory in another process. execve would keep SIG_IGN and the mask. */
static void restore_signals(uint64_t ignored, const uint64_t *mask)
{
	struct kernel_sigaction act;
	for (int sig = 1; sig <= 64; sig++) {
		if (sig == SIGKILL || sig == SIGSTOP)
			continue;
		memset(&act, 0, sizeof act);
		act.handler = (void *)(ignored >> (sig - 1) & 1 ? SIG_IGN : SIG_DFL);
		sys(SYS_rt_sigaction, sig, (long)&act, 0, SIGSET_BYTES, 0);
	}
	sys(SYS_rt_sigprocmask, SIG_SETMASK, (long)mask, 0, SIGSET_BYTES, 0);
}

static int session(struct stead_job *job)
{
	if (job->flags & STEAD_SETSID && failed(job, STAGE_SESSION, sys(SYS_setsid, 0, 0, 0, 0, 0)))
		return 1;
	if (job->flags & STEAD_SETPGID && failed(job, STAGE_SESSION, sys(SYS_setpgid, 0, job->pgid, 0, 0, 0)))
		return 1;
	return job->flags & STEAD_CTTY && failed(job, STAGE_SESSION, sys(SYS_ioctl, 0, TIOCSCTTY, 0, 0, 0));
}

static void close_again(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (start.closed >> fd & 1)
			sys(SYS_close, fd, 0, 0, 0, 0);
}

void stead_restore_start(void)
{
	restore_signals(start.ignored, start.mask);
	close_again();
}

static int no_new_privs(struct stead_job *job)
{
	if (job->flags & STEAD_NEW_PRIVS)
		return 0;
	return failed(job, STAGE_NNP, sys(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
}

/* restrict_self comes after no_new_privs, which it needs, and before the filter, which might notify or refuse it. */
static int restrict_self(struct stead_job *job)
{
	if (job->landlock < 0)
		return 0;
	return failed(job, STAGE_LANDLOCK, sys(SYS_landlock_restrict_self, job->landlock, job->landlock_flags, 0, 0, 0));
}

/* started gives the program what this process was started with. */
static int started(struct stead_job *job)
{
	/* Go raises the soft limit; a hard limit lowered since the start makes this fail, and then the raised one is right. */
	sys(SYS_prlimit64, 0, RLIMIT_NOFILE, (long)&start.nofile, 0, 0);
	restore_signals(start.ignored, start.mask);
	if (!job->fds)
		close_again();
	return 0;
}

/* die_with_parent: whoever has the task's ids may stop or kill it, and these processes; nothing is to be left half-started. */
static void die_with_parent(void) { sys(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); }

/* others gives it nothing of that. */
static int others(struct stead_job *job)
{
	const uint64_t none[2] = {0, 0};
	die_with_parent();
	restore_signals(0, none);
	return 0;
}

/* limit comes late: what the supervisor's memory takes may be more than the program is to have, which is only asked of new memory. */
static int limit(struct stead_job *job)
{
	for (int i = 0; i < job->nlimits; i++)
		if (failed(job, STAGE_LIMITS, sys(SYS_prlimit64, 0, i, (long)&job->limits[2 * i], 0, 0)))
			return 1;
	return 0;
}

/* await_admission: the message tells the supervisor who sends it, by the number that it knows the sender by (SO_PASSCRED). */
static int await_admission(struct stead_job *job)
{
	char byte = 0;
	if (!(job->flags & STEAD_OTHER))
		return 0;
	long n = sys6(SYS_sendto, job->sock, (long)&byte, 1, MSG_NOSIGNAL, 0, 0);
	if (n == 1)
		n = sys(SYS_read, job->sock, (long)&byte, 1, 0, 0);
	sys(SYS_prctl, PR_SET_PDEATHSIG, 0, 0, 0, 0); /* from here on it may outlive the task */
	return failed(job, STAGE_ADMIT, n == 1 ? 0 : n < 0 ? n : -ECANCELED);
}

static int prepare(struct stead_job *job)
{
	if (session(job))
		return 1;
	if (job->dir && failed(job, STAGE_DIR, sys(SYS_chdir, (long)job->dir, 0, 0, 0, 0)))
		return 1;
	if (job->deathsig)
		sys(SYS_prctl, PR_SET_PDEATHSIG, job->deathsig, 0, 0, 0);
	if (job->flags & STEAD_OTHER ? others(job) : started(job))
		return 1;
	return no_new_privs(job) || restrict_self(job) || limit(job) || await_admission(job);
}

static long install_filter(struct stead_job *job)
{
	return sys(SYS_seccomp, SECCOMP_SET_MODE_FILTER, job->filter_flags | SECCOMP_FILTER_FLAG_NEW_LISTENER, (long)&job->prog, 0, 0);
}

/* make_room closes what execve would close: a low limit may leave no number for the listener. The table is not the supervisor's. */
static void make_room(struct stead_job *job)
{
	for (long fd = 3; fd < 1024; fd++)
		if (fd != job->sock && !(job->flags & STEAD_OTHER && fd == job->pid) && sys(SYS_fcntl, fd, F_GETFD, 0, 0, 0) == FD_CLOEXEC)
			sys(SYS_close, fd, 0, 0, 0, 0);
}

/* execute makes no call but execve, which the filter may have something to say about. It returns only if that fails. */
static void execute(struct stead_job *job)
{
	long ret = sys(SYS_execve, (long)job->path, (long)job->argv, (long)job->envp, 0, 0);
	if (ret == -ENOEXEC && job->shell_argv)
		ret = sys(SYS_execve, (long)job->shell_argv[0], (long)job->shell_argv, (long)job->envp, 0, 0);
	failed(job, STAGE_EXEC, ret);
}

static int child(void *arg)
{
	struct stead_job *job = arg;
	if (prepare(job))
		goto out;
	long fd = install_filter(job);
	if (fd == -EMFILE) {
		make_room(job);
		fd = install_filter(job);
	}
	if (failed(job, STAGE_FILTER, fd))
		goto out;
	job->listener = (int)fd;
	/* From here on the filter rules: execve and, if that fails, exit_group. */
	execute(job);
out:
	sys(SYS_exit_group, 127, 0, 0, 0, 0);
	return 0;
}

/*
 * A failure leaves a thread that may make no call any more, not even one to tell of it or to end: it waits for the end of the process
 * without.
 */
void stead_exec(struct stead_job *job)
{
	if (!prepare(job) && !failed(job, STAGE_FILTER, sys(SYS_seccomp, SECCOMP_SET_MODE_FILTER, job->filter_flags, (long)&job->prog, 0, 0)))
		execute(job);
	for (;;)
		__asm__ volatile("" ::: "memory");
}

/* duplicate gives fd a new number above all the ones that the child is to have. */
static long duplicate(const struct stead_job *job, int fd)
{
	return sys(SYS_fcntl, fd, F_DUPFD_CLOEXEC, job->nfds + 3, 0, 0);
}

/* move_away duplicates the sources, so that no target number overwrites one that is still needed. */
static long move_away(struct stead_job *job, int *moved)
{
	long ret = duplicate(job, job->sock);
	job->sock = (int)ret;
	if (job->landlock >= 0 && ret >= 0)
		job->landlock = (int)(ret = duplicate(job, job->landlock));
	for (int i = 0; i < job->nfds && ret >= 0; i++) {
		moved[i] = -1;
		if (job->fds[i] >= 0)
			moved[i] = (int)(ret = duplicate(job, job->fds[i]));
	}
	return ret;
}

/* place_fds gives the table the order that the child is to see. */
static long place_fds(struct stead_job *job, int *moved)
{
	long ret = move_away(job, moved);
	for (int i = 0; i < job->nfds && ret >= 0; i++) {
		if (moved[i] < 0)
			sys(SYS_close, i, 0, 0, 0, 0);
		else
			ret = sys(SYS_dup3, moved[i], i, 0, 0, 0);
	}
	return ret;
}

/* close_others closes all descriptors but the job's: what the child does not have, nobody can keep open who stops it. */
static long close_others(struct stead_job *job)
{
	long ret = 0;
	int keep[2] = {job->sock, job->landlock};
	if (keep[1] >= 0 && keep[1] < keep[0]) {
		keep[0] = job->landlock;
		keep[1] = job->sock;
	}
	unsigned int from = job->nfds;
	for (int i = 0; i < 2 && ret >= 0; i++) {
		if (keep[i] < 0)
			continue;
		if ((unsigned int)keep[i] > from)
			ret = sys(SYS_close_range, from, keep[i] - 1, 0, 0, 0);
		from = keep[i] + 1;
	}
	return ret < 0 ? ret : sys(SYS_close_range, from, ~0U, 0, 0, 0);
}

/* lives waits a moment for the child's end, and says whether it has not come. A copy of the supervisor's memory does not tell it by
 * CLONE_CHILD_CLEARTID, and may wait for its admission for a while. */
static int lives(struct stead_job *job)
{
	struct pollfd end = {.fd = job->pid, .events = POLLIN};
	struct timespec moment = {.tv_nsec = 20000}, longer = {.tv_nsec = 100000};
	if (job->flags & STEAD_OTHER)
		return sys(SYS_ppoll, (long)&end, 1, (long)&longer, 0, SIGSET_BYTES) != 1;
	sys(SYS_futex, (long)&job->running, FUTEX_WAIT, 1, (long)&moment, 0);
	return job->running;
}

/* await_listener returns when the listener exists or the child has ended. The child cannot wake us: it may make no call. */
static void await_listener(struct stead_job *job)
{
	sys(SYS_prctl, PR_SET_TIMERSLACK, 1, 0, 0, 0); /* else a pause takes 50 microseconds more (PR_SET_TIMERSLACK(2const)) */
	while (job->listener < 0 && lives(job))
		;
}

static long send_descriptor(struct stead_job *job, int fd)
{
	char byte = 0;
	struct iovec iov = {&byte, 1};
	union {
		struct cmsghdr h;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
	memset(&control, 0, sizeof control);
	control.h.cmsg_len = CMSG_LEN(sizeof(int));
	control.h.cmsg_level = SOL_SOCKET;
	control.h.cmsg_type = SCM_RIGHTS;
	*(int *)CMSG_DATA(&control.h) = fd;
	return sys(SYS_sendmsg, job->sock, (long)&msg, MSG_NOSIGNAL, 0, 0);
}

static int carrier(void *arg)
{
	struct stead_job *job = arg;
	int moved[job->nfds > 0 ? job->nfds : 1];
	if (job->flags & STEAD_OTHER)
		die_with_parent();
	if (job->fds && failed(job, STAGE_FDS, place_fds(job, moved)))
		goto out;
	if (job->flags & STEAD_OTHER && failed(job, STAGE_FDS, close_others(job)))
		goto out;
	/* CLONE_PARENT takes the carrier's own exit signal, SIGCHLD. */
	int how = job->flags & STEAD_OTHER ? CLONE_PIDFD : CLONE_VM | CLONE_CHILD_CLEARTID | CLONE_PARENT_SETTID;
	int pid = clone(child, job->child_stack, CLONE_FILES | CLONE_PARENT | how, job, &job->pid, NULL, &job->running);
	if (failed(job, STAGE_CHILD, pid < 0 ? -errno : 0))
		goto out;
	if (job->flags & STEAD_OTHER && failed(job, STAGE_SEND, send_descriptor(job, job->pid)))
		goto out;
	await_listener(job);
	if (job->listener >= 0)
		failed(job, STAGE_SEND, send_descriptor(job, job->listener));
out:
	sys(SYS_exit_group, 0, 0, 0, 0, 0);
	return 0;
}

int stead_start(struct stead_job *job)
{
	uint64_t all[2] = {~0ULL, ~0ULL}, old[2];
	job->listener = -1;
	job->running = !(job->flags & STEAD_OTHER);
	sys(SYS_rt_sigprocmask, SIG_SETMASK, (long)all, (long)old, SIGSET_BYTES, 0);
	int pid = clone(carrier, job->carrier_stack, CLONE_VM | CLONE_VFORK | SIGCHLD, job);
	int error = pid < 0 ? errno : 0;
	sys(SYS_rt_sigprocmask, SIG_SETMASK, (long)old, 0, SIGSET_BYTES, 0);
	if (error) {
		job->stage = STAGE_CLONE;
		job->running = 0;
		return error;
	}
	/* Somebody else's wait for any child may have taken it already; nothing depends on the status. */
	while (sys(SYS_wait4, pid, 0, __WALL, 0, 0) == -EINTR)
		;
	return job->error;
}

long stead_start_here(void *job) { return -(long)stead_start(job); }
