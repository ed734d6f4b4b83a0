#ifndef STEAD_SYS_H
#define STEAD_SYS_H

/*
 * System calls for C code that runs in the memory of a Go process, with the thread-local storage of another thread.
 *
 * The go command does not see that this file has changed when it decides what to compile: after an edit, build with -a.
 */

#include <errno.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SECCOMP_FILTER_FLAG_NEW_LISTENER
#define SECCOMP_FILTER_FLAG_NEW_LISTENER (1UL << 3)
#endif

/* What rt_sigprocmask(2) and rt_sigaction(2) call sigsetsize. */
#if defined(__mips__)
#define SIGSET_BYTES 16
#else
#define SIGSET_BYTES 8
#endif

/* sys6 is a system call that returns -errno and touches nothing else. */
static inline long sys6(long nr, long a, long b, long c, long d, long e, long f)
{
#if defined(__x86_64__)
	long ret;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	__asm__ volatile("syscall" : "=a"(ret) : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
	return ret;
#elif defined(__aarch64__)
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;
	__asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
	return x0;
#elif defined(__riscv)
	register long a7 __asm__("a7") = nr;
	register long a0 __asm__("a0") = a;
	register long a1 __asm__("a1") = b;
	register long a2 __asm__("a2") = c;
	register long a3 __asm__("a3") = d;
	register long a4 __asm__("a4") = e;
	register long a5 __asm__("a5") = f;
	__asm__ volatile("ecall" : "+r"(a0) : "r"(a7), "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5) : "memory");
	return a0;
#else
	/* This errno may be another thread's: at worst that reads another reason for a clone that failed. */
	long ret = syscall(nr, a, b, c, d, e, f);
	return ret < 0 ? -errno : ret;
#endif
}

/* sys is sys6 for calls of up to five arguments. */
static inline long sys(long nr, long a, long b, long c, long d, long e) { return sys6(nr, a, b, c, d, e, 0); }

#endif
