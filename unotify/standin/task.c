/*
 * A stand-in task: it takes system calls from a mailbox and makes them. Package standin's comment says why it exists.
 *
 * It has the supervisor's memory, and the thread-local storage of the thread that cloned it, so it uses no C library function
 * that may touch thread-local storage (errno).
 */
#define _GNU_SOURCE
#include "task.h"
#include "../internal/csys/sys.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef SECCOMP_FILTER_FLAG_SPEC_ALLOW
#define SECCOMP_FILTER_FLAG_SPEC_ALLOW (1UL << 2)
#endif
#ifndef SECCOMP_RET_USER_NOTIF
#define SECCOMP_RET_USER_NOTIF 0x7fc00000U
#endif

/*
 * By sched_yield(2) with an argument, which it does not have, the task says that it is ready for a call: a filter that the
 * supervisor itself is under will allow it, where a number that is no system call might be a reason to kill.
 */
#define READY 0x57ead

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define LOW_WORD 4
#else
#define LOW_WORD 0
#endif

static void on_interrupt(int sig) { (void)sig; }

/* catch_interrupt: without SA_RESTART, so that the call that the signal comes into fails with EINTR. */
static void catch_interrupt(void)
{
	struct sigaction act;
	uint64_t mask[2] = {~0ULL, ~0ULL};
	memset(&act, 0, sizeof act);
	act.sa_handler = on_interrupt;
	sigfillset(&act.sa_mask);
	sigaction(SIGURG, &act, NULL); /* sets errno only when it fails, which this cannot */
	mask[0] &= ~(1ULL << (SIGURG - 1));
	sys(SYS_rt_sigprocmask, SIG_SETMASK, (long)mask, 0, SIGSET_BYTES, 0);
}

/* orphaned covers the supervisor that may not signal its own task: the kernel drops the death signal then (kernel/signal.c). */
static int orphaned(const struct stead_standin *box)
{
	return sys(SYS_getppid, 0, 0, 0, 0, 0) != box->parent;
}

static long install(const struct sock_fprog *prog)
{
	long flags = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_SPEC_ALLOW;
	return sys(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, (long)prog, 0, 0);
}

/*
 * listen_ready makes the task's READY a notification, and returns the listener or -errno. The sizes must be known ones, because the
 * supervisor's buffer is.
 */
static long listen_ready(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sched_yield, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args) + LOW_WORD),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, READY, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {sizeof code / sizeof code[0], code};
	struct {
		uint16_t notif, resp, data;
	} sizes = {0, 0, 0};
	long ret = sys(SYS_seccomp, 3 /* SECCOMP_GET_NOTIF_SIZES */, 0, (long)&sizes, 0, 0);
	if (ret < 0)
		return ret;
	if (sizes.notif > STANDIN_NOTIFICATION_MAX || sizes.resp > STANDIN_NOTIFICATION_MAX)
		return -E2BIG;
	ret = install(&prog);
	if (ret != -EACCES)
		return ret;
	sys(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); /* it executes nothing anyway */
	return install(&prog);
}

static int notifies(const struct stead_standin *box) { return __atomic_load_n(&box->notify, __ATOMIC_ACQUIRE); }

static void await_futex(struct stead_standin *box)
{
	struct timespec second = {.tv_sec = 1};
	long limit = box->watch ? (long)&second : 0;
	long ret = sys(SYS_futex, (long)&box->state, FUTEX_WAIT, STANDIN_IDLE, limit, 0);
	if (ret == -ETIMEDOUT && orphaned(box))
		sys(SYS_exit_group, 0, 0, 0, 0, 0);
}

/* await_call: both waits end also for an interrupt that comes too late, so it is the state that counts. */
static void await_call(struct stead_standin *box)
{
	while (__atomic_load_n(&box->state, __ATOMIC_ACQUIRE) == STANDIN_IDLE) {
		long ret = notifies(box) ? sys(SYS_sched_yield, READY, 0, 0, 0, 0) : -ENOSYS;
		if (ret != 0 && ret != -EINTR)
			await_futex(box);
	}
}

static void report(struct stead_standin *box)
{
	int notify = notifies(box);
	__atomic_store_n(&box->state, STANDIN_IDLE, __ATOMIC_RELEASE);
	if (!notify)
		sys(SYS_futex, (long)&box->state, FUTEX_WAKE, 1, 0, 0);
}

/* carry_out makes the call, or runs a function of the supervisor's that keeps to the rules of this file. */
static long carry_out(const struct stead_standin *box)
{
	if (box->nr == STANDIN_RUN)
		return ((long (*)(void *))box->arg[0])((void *)box->arg[1]);
	return sys6(box->nr, box->arg[0], box->arg[1], box->arg[2], box->arg[3], box->arg[4], box->arg[5]);
}

static int serve(void *arg)
{
	struct stead_standin *box = arg;
	catch_interrupt();
	sys(SYS_prctl, PR_SET_NAME, (long)"stead-standin", 0, 0, 0);
	sys(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (orphaned(box))
		goto out;
	if (box->notify)
		box->listener = (int32_t)listen_ready();
	box->notify = 0; /* the supervisor switches it on when it has the listener */
	for (;;) {
		report(box);
		await_call(box);
		if (__atomic_load_n(&box->state, __ATOMIC_ACQUIRE) != STANDIN_CALL)
			break;
		box->ret = carry_out(box);
	}
out:
	sys(SYS_exit_group, 0, 0, 0, 0, 0);
	return 0;
}

static int make_call(void *arg)
{
	struct stead_child_call *c = arg;
	sys(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	c->ret = sys6(c->nr, c->arg[0], c->arg[1], c->arg[2], c->arg[3], c->arg[4], c->arg[5]);
	sys(SYS_exit_group, 0, 0, 0, 0, 0);
	return 0;
}

/* The child shares memory and descriptors with the task, which waits until it has ended. */
long stead_standin_in_child(void *child_call)
{
	struct stead_child_call *c = child_call;
	c->ret = STANDIN_UNMADE;
	int pid = clone(make_call, c->stack_top, CLONE_VM | CLONE_FILES | CLONE_VFORK | SIGCHLD, c);
	if (pid < 0)
		return -errno;
	while (sys(SYS_wait4, pid, 0, __WALL, 0, 0) == -EINTR)
		;
	return 0;
}

long stead_standin_start(struct stead_standin *box, char *stack_top)
{
	uint64_t all[2] = {~0ULL, ~0ULL}, old[2];
	/* The task starts with every signal blocked: the handlers that it begins with are the Go runtime's. */
	sys(SYS_rt_sigprocmask, SIG_SETMASK, (long)all, (long)old, SIGSET_BYTES, 0);
	int pid = clone(serve, stack_top, CLONE_VM | CLONE_FILES | CLONE_CHILD_CLEARTID, box, NULL, NULL, &box->state);
	int error = errno;
	sys(SYS_rt_sigprocmask, SIG_SETMASK, (long)old, 0, SIGSET_BYTES, 0);
	return pid < 0 ? -error : pid;
}
