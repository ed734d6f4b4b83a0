/* Identities, processes, scheduling, limits, futexes. */
#include <linux/capability.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <sys/personality.h>
#include <sys/wait.h>

static void identities(void)
{
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0}, first = {_LINUX_CAPABILITY_VERSION_1, -1};
	struct __user_cap_data_struct data[2] = {{1, 0x21, 0}, {3, 0, 0x80000000}};
	unsigned groups[] = {1, 2, -1};

	call(getuid);
	call(geteuid);
	call(setuid, 0);
	call(setuid, -1);
	call(setgid, 0);
	call(setreuid, -1, 0);
	call(setregid, 0, -1);
	call(setresuid, -1, -1, 0);
	call(setresgid, -1, 0, -1);
	call(setfsuid, 0);
	call(setfsgid, -1);
	call(getresuid, BAD, BAD, BAD);
	call(getresgid, NULL, BAD, BAD);
	call(getgid);
	call(getegid);
	call(getgroups, 0, NULL);
	call(getgroups, -1, BAD);
	call(setgroups, 3, groups);
	call(setgroups, 2, BAD);
	call(setgroups, -1, groups);
	call(capget, &head, data);
	call(capget, BAD, NULL);
	call(capset, &head, BAD);
	head.version = 0x12345678;
	call(capset, &head, data);
	call(capset, &first, data);
	first = (struct __user_cap_header_struct){_LINUX_CAPABILITY_VERSION_3, 99999999};
	call(capset, &first, data);
}

static void processes(void)
{
	siginfo_t info = {.si_signo = SIGUSR1, .si_code = SI_QUEUE};
	struct iovec v[] = {{"local", 5}}, r[] = {{(void *)0x1000, 5}};

	call(execve, "/missing", (char *[]){"a", "b c", NULL}, (char *[]){"X=1", "Y=2", NULL});
	call(execve, BAD, NULL, NULL);
	call(execve, "/missing", BAD, BAD);
	call(execveat, -1, "missing", (char *[]){"a", NULL}, (char *[]){NULL}, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW);
	call(unshare, 0L);
	call(unshare, 0x80000000L);
	call(unshare, CLONE_NEWNS | CLONE_NEWUSER | 0x80000000L);
	call(setns, -1, CLONE_NEWNET);
	call(setns, -1, 0);
	call(setns, -1, 0x123);
	call(getpgid, 0);
	call(getpgid, -1);
	call(setpgid, 0, -1);
	call(getsid, 0);
	call(setsid);
	call(getpgrp);
	call(getpid);
	call(getppid);
	call(gettid);
	call(set_tid_address, BAD);
	call(pidfd_open, -1, 0);
	call(pidfd_open, 0, O_NONBLOCK | 1);
	call(pidfd_getfd, -1, 5, 0);
	call(pidfd_send_signal, -1, SIGUSR1, NULL, 0);
	call(pidfd_send_signal, -1, SIGUSR1, &info, 8);
	call(process_vm_readv, 0, v, 1L, r, 1L, 0L);
	call(process_vm_writev, 0, v, 1L, r, 1L, 1L);
	call(process_madvise, -1, r, 1L, MADV_COLD, 0);
	call(process_mrelease, -1, 1);
	call(kcmp, 0, 0, 0, 1L, 2L);
	call(kcmp, 0, 0, 3, 1L, 2L);
	call(kcmp, 0, 0, 99, 1L, 2L);
	call(wait4, -1, BAD, WNOHANG | WUNTRACED, NULL);
	call(wait4, -1, NULL, WNOHANG | __WALL | 0x100, NULL);
	call(waitid, P_ALL, 0, BAD, WEXITED | WNOHANG, NULL);
	call(waitid, P_PID, 99999, BAD, WSTOPPED | WNOWAIT | WNOHANG, NULL);
	call(waitid, P_PIDFD, -1, NULL, WEXITED, NULL);
	call(waitid, 9, 5, NULL, 0, NULL);
	call(personality, 0xffffffffL);
	call(personality, (long)personality(0xffffffff));
}

struct attr { unsigned size, policy; unsigned long long flags; int nice; unsigned priority; unsigned long long runtime, deadline, period; unsigned min, max; };

static void scheduling(void)
{
	struct { int priority; } param = {5};
	struct attr attr = {48, 6, 1 | 2, 0, 0, 10, 20, 30}, clamp = {56, 0, 0x20 | 0x40, -5, 0, 0, 0, 0, 100, 1024}, small = {20, 1, 0, 0, 7};
	unsigned long cpus[] = {1, 0}, many[] = {0xf00f, 0};

	call(sched_yield);
	call(sched_setscheduler, -1, SCHED_FIFO, &param);
	call(sched_setscheduler, -1, SCHED_BATCH | 0x40000000, &param);
	call(sched_setscheduler, -1, 77, BAD);
	call(sched_getscheduler, 0);
	call(sched_setparam, -1, &param);
	call(sched_getparam, -1, &param);
	call(sched_setattr, -1, &attr, 0);
	call(sched_setattr, -1, &clamp, 1);
	call(sched_setattr, -1, &small, 0);
	call(sched_setattr, -1, BAD, 0);
	call(sched_getattr, -1, BAD, 48, 0);
	call(sched_setaffinity, 99999, 8, cpus);
	call(sched_setaffinity, 99999, 16, many);
	call(sched_setaffinity, 99999, 8, BAD);
	call(sched_setaffinity, 99999, 0, cpus);
	call(sched_getaffinity, 99999, 8, BAD);
	call(sched_get_priority_max, SCHED_RR);
	call(sched_get_priority_min, 99);
	call(sched_rr_get_interval, -1, BAD);
	call(getpriority, PRIO_PROCESS, 0);
	call(getpriority, 9, 1);
	call(setpriority, PRIO_PGRP, 99999, -5);
	call(setpriority, PRIO_USER, 99999, 5);
	call(ioprio_get, 1, 0);
	call(ioprio_set, 1, 99999, (2 << 13) | 4);
	call(ioprio_set, 9, 99999, (3 << 13));
	call(ioprio_set, 2, 99999, (7 << 13) | 5);
	call(ioprio_set, 3, 99999, 0);
	call(getcpu, BAD, NULL, NULL);
	call(membarrier, 0, 0, 0);
	call(membarrier, 128, 1, 3);
	call(membarrier, 0x100000, 2, 0);
}

static void limits(void)
{
	struct rlimit l = {4096 * 1024, RLIM_INFINITY}, odd = {1025, 3}, k = {1024, 65536};
	struct rlimit64 w = {4096 * 1024, RLIM64_INFINITY}, big = {0x7fffffffffffffff, 0};

	call(getrlimit, RLIMIT_NOFILE, BAD);
	call(getrlimit, 99, BAD);
	call(setrlimit, 99, &l);
	call(setrlimit, RLIMIT_STACK, BAD);
	call(setrlimit, 99, &odd);
	call(setrlimit, 98, &k);
	call(prlimit64, 0, 99, &w, NULL);
	call(prlimit64, 0, 99, &big, BAD);
	call(prlimit64, -1, RLIMIT_CPU, BAD, NULL);
	call(prlimit64, -1, RLIMIT_CPU, NULL, NULL);
	call(getrusage, RUSAGE_SELF, BAD);
	call(getrusage, RUSAGE_CHILDREN, BAD);
	call(getrusage, 9, BAD);
}

static void futexes(void)
{
	int word = 5;
	struct timespec t = {0, 1000};

	call(futex, &word, FUTEX_WAIT, 6, &t);
	call(futex, &word, FUTEX_WAIT_PRIVATE, 6, NULL);
	call(futex, &word, FUTEX_WAKE_PRIVATE, 1);
	call(futex, &word, FUTEX_WAKE, 0x7fffffff);
	call(futex, BAD, FUTEX_FD, 1);
	call(futex, BAD, FUTEX_REQUEUE_PRIVATE, 1, 2, BAD);
	call(futex, BAD, FUTEX_CMP_REQUEUE, 1, 2, BAD, 3);
	call(futex, BAD, FUTEX_WAKE_OP_PRIVATE, 1, 2, BAD, FUTEX_OP(FUTEX_OP_ADD, 1, FUTEX_OP_CMP_GT, 2));
	call(futex, BAD, FUTEX_WAKE_OP, 1, 2, BAD, FUTEX_OP(FUTEX_OP_SET, 0xfff, FUTEX_OP_CMP_EQ, 0));
	call(futex, BAD, FUTEX_LOCK_PI, 0, NULL);
	call(futex, BAD, FUTEX_UNLOCK_PI_PRIVATE);
	call(futex, BAD, FUTEX_TRYLOCK_PI);
	call(futex, &word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 6, &t, NULL, -1);
	call(futex, BAD, FUTEX_WAKE_BITSET_PRIVATE, 6, NULL, NULL, 3);
	call(futex, BAD, FUTEX_WAIT_REQUEUE_PI, 6, &t, BAD);
	call(futex, BAD, FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, 2, BAD, 3);
	call(futex, BAD, 99, 6, &t, BAD, 1);
#ifdef SYS_futex_waitv
	struct futex_waitv waits[] = {{1, 0x1000, 2, 0}, {2, 0, FUTEX_PRIVATE_FLAG | 2, 0}};
	call(futex_waitv, waits, 2, 1, NULL, CLOCK_REALTIME);
	call(futex_waitv, waits, 2, 0, &t, 99);
	call(futex_waitv, BAD, 2, 0, BAD, CLOCK_MONOTONIC);
#endif
	call(set_robust_list, BAD, 0L);
	call(get_robust_list, -1, BAD, BAD);
	call(rseq, BAD, 32, 1, 0x53053053);
	call(rseq, NULL, 0, 0, 0);
}
