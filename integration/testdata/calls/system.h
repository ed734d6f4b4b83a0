/* The system as a whole, and calls that only i386 has. */
#include <linux/kexec.h>
#include <linux/random.h>
#include <linux/reboot.h>
#include <asm/ldt.h>

static void modules(void)
{
	struct user_desc d = {.entry_number = 99, .base_addr = 0x1000, .limit = 0xfffff, .seg_32bit = 1, .contents = 2, .read_exec_only = 1, .limit_in_pages = 1, .useable = 1};

	call(uname, BAD);
	call(sethostname, "name", -1);
	call(setdomainname, BAD, 4);
	call(sysinfo, BAD);
	call(syslog, 99, BAD, 5);
	call(syslog, 10, NULL, 0);
	call(reboot, 1, 2, 3, NULL);
	call(reboot, LINUX_REBOOT_MAGIC1, 0, LINUX_REBOOT_CMD_CAD_OFF, NULL);
	call(reboot, 1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_RESTART2, "text");
	call(getrandom, BAD, 5L, GRND_NONBLOCK | GRND_RANDOM);
	call(getrandom, BAD, 0L, 0x10);
	call(init_module, BAD, 0L, "param=1");
	call(finit_module, -1, "param=1", 1 | 2);
	call(delete_module, "missing", O_NONBLOCK | O_TRUNC);
	call(delete_module, BAD, 0);
	call(kexec_load, BAD, 1000L, BAD, 1L | (62L << 16));
#ifdef SYS_kexec_file_load
	call(kexec_file_load, -1, -1, 4L, "cmd", 2L | 0x100);
#endif
	call(ioperm, -1L, 5L, 1);
	call(iopl, 7);
	call(uselib, "/missing");
	call(lookup_dcookie, wide(5), BAD, 7L);
	call(nfsservctl, 1, BAD, BAD);
	call(modify_ldt, 1, &d, 3L);
	call(modify_ldt, 0, BAD, 0L);
	call(set_thread_area, &d);
	call(get_thread_area, BAD);
}

#ifdef __i386__
/* The shapes before the present ones. */
static void old_calls(void)
{
	struct { void *handler; unsigned long mask, flags; void *restorer; } action = {SIG_IGN, 0x4002, SA_RESTART, NULL};
	unsigned long mask = 6, create[] = {AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0}, out[] = {-1, 0x1000, 5, 0};
	unsigned long select_args[] = {0, 0, 0, 0, (unsigned long)&(struct timeval){0, 5}};
	unsigned long attach[] = {0x1000};
	struct timespec t = {1, 2};

	call(sigaction, SIGUSR1, &action, NULL);
	call(sigprocmask, SIG_BLOCK, &mask, NULL);
	mask = 0;
	call(sigprocmask, SIG_SETMASK, &mask, NULL);
	call(signal, SIGUSR1, SIG_DFL);
	call(signal, SIGUSR1, 0x1234567);
	call(sigpending, BAD);
	call(sgetmask);
	call(socketcall, 1, create);
	call(socketcall, 9, out);
	call(socketcall, 99, out);
	call(socketcall, 1, BAD);
	call(ipc, 2, IPC_PRIVATE, 0, 0600, 0, 0);
	call(ipc, 3, -1, 0, IPC_RMID, 0, 0);
	call(ipc, 3, -1, 0, IPC_RMID, attach, 0);
	call(ipc, 3, -1, 0, SETVAL, attach, 0);
	call(ipc, 11, -1, 3, 0, "\1\0\0\0abc", 0);
	call(ipc, 12, -1, 3, 0, BAD, 0);
	call(ipc, 13, 5, 0644, 0, NULL, 0);
	call(ipc, 14, -1, IPC_RMID, 0, NULL, 0);
	call(ipc, 1, -1, 1, 0, &(struct sembuf){1, 2, 0}, 0);
	call(ipc, 4, -1, 1, 0, &(struct sembuf){1, 2, 0}, &t);
	call(ipc, 21, -1, SHM_RDONLY, BAD, BAD, 0);
	call(ipc, 22, 0, 0, 0, BAD, 0);
	call(ipc, 23, 5, 6, 0600, NULL, 0);
	call(ipc, 24, -1, IPC_STAT, 0, BAD, 0);
	call(ipc, 99, 1, 2, 3, BAD, 5);
	call(select, select_args);
	call(select, BAD);
	call(_llseek, 3, 1, 2, BAD, SEEK_SET);
	call(_llseek, 3, -1, -2, BAD, SEEK_END);
	call(umount, "/missing");
	call(stime, BAD);
	call(nice, 0);
	call(olduname, BAD);
	call(oldolduname, BAD);
	call(waitpid, -1, BAD, WNOHANG);
	call(truncate64, "missing", wide(0x123456789LL));
	call(ftruncate64, -1, wide(-1));
	call(stat64, "missing", BAD);
	call(fstatat64, HERE, "missing", BAD, AT_SYMLINK_NOFOLLOW);
	call(statfs64, "missing", 84, BAD);
	call(sendfile64, -1, -1, BAD, 5);
	call(fadvise64_64, -1, wide(1), wide(2), POSIX_FADV_DONTNEED);
	call(setuid32, -1);
	call(setreuid32, -1, 5);
	call(getresuid32, BAD, BAD, BAD);
	call(setgroups32, -1, BAD);
	call(chown32, "missing", -1, 70000);
	call(ugetrlimit, RLIMIT_AS, BAD);
	call(getuid32);
	call(setgid32, -1);
	call(setregid32, 5, -1);
	call(setresuid32, -1, -1, -1);
	call(setresgid32, -1, -1, 7);
	call(setfsuid32, 0);
	call(setfsgid32, 0);
	call(getresgid32, BAD, BAD, BAD);
	call(getgroups32, -1, BAD);
	call(fchown32, -1, 1, 70000);
	call(lchown32, "missing", -1, -1);
	call(fstat64, -1, BAD);
	call(lstat64, "missing", BAD);
	call(fstatfs64, -1, 84, BAD);
	call(ssetmask, 0);
	call(readdir, -1, BAD, 1);
	call(vm86, 99, BAD);
	call(break);
}
#else
static void old_calls(void)
{
	call(stat, "missing", BAD);
	call(fstat, -1, BAD);
	call(lstat, "missing", BAD);
	call(newfstatat, HERE, "missing", BAD, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH);
	call(getdents, -1, BAD, 100);
}
#endif
