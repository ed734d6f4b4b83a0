#include <errno.h>
#include <fcntl.h>
#include <linux/types.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* An address that nothing is mapped at, and one in the last page. */
#define BAD ((void *)0x1000)
#define HIGH ((void *)-4096L)
#define HERE ((long)AT_FDCWD)

/* call makes a system call whose arguments are words. */
#define call(name, ...) syscall(SYS_##name, ##__VA_ARGS__)

#ifdef __i386__
/* wide is a number of 64 bits as its two registers. */
#define wide(n) (long)((unsigned long long)(n)), (long)((unsigned long long)(n) >> 32)
#else
#define wide(n) (long)(n)
#endif

#define PAGE 4096
