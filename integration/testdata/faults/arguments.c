/* Paths and structs that the kernel refuses, or that are hard to read: a supervisor must say what the kernel says. */
#include "faults.h"

#define PAGE 4096

/* pages maps n readable pages with an unmapped one after them. */
static char *pages(int n)
{
	char *p = mmap(0, (n + 1) * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must("mmap", p == MAP_FAILED ? -1 : 0);
	must("munmap", munmap(p + n * PAGE, PAGE));
	return p;
}

static void every(const char *kind, const char *path)
{
	struct stat st;
	char what[64], link[8];

	printf("-- %s\n", kind);
#define TRY(name, call) (snprintf(what, sizeof what, "%s", name), say(what, call))
	TRY("openat", syscall(SYS_openat, AT_FDCWD, path, O_RDONLY, 0));
	TRY("open", syscall(SYS_open, path, O_RDONLY, 0));
	TRY("stat", syscall(SYS_newfstatat, AT_FDCWD, path, &st, 0));
	TRY("access", syscall(SYS_access, path, F_OK));
	TRY("mkdir", syscall(SYS_mkdir, path, 0755));
	TRY("rmdir", syscall(SYS_rmdir, path));
	TRY("unlinkat", syscall(SYS_unlinkat, AT_FDCWD, path, 0));
	TRY("rename from", syscall(SYS_rename, path, "other"));
	TRY("symlink to", syscall(SYS_symlink, path, "link"));
	unlink("link");
	TRY("readlink", syscall(SYS_readlink, path, link, sizeof link));
	TRY("chdir", syscall(SYS_chdir, path));
	TRY("execve", syscall(SYS_execve, path, (char *[]){"x", 0}, (char *[]){0}));
	TRY("mount target", syscall(SYS_mount, "none", path, "tmpfs", 0, 0));
}

static void strings(void)
{
	char *end = pages(1) + PAGE, *two = pages(2), *wild = pages(0);
	static char long_path[PATH_MAX + 16], long_name[NAME_MAX + 2];

	every("null", 0);
	every("unmapped", wild);
	every("a small number", (char *)1);
	every("in the kernel", (char *)0xffffffff81000000UL);
	memset(end - 8, 'a', 8);
	every("not terminated at the end of a page", end - 8);
	memcpy(end - 8, "missing", 8);
	every("terminated at the end of a page", end - 8);
	strcpy(two + PAGE - 4, "missing/too");
	every("across a page boundary", two + PAGE - 4);
	every("empty", "");
	memset(long_name, 'n', NAME_MAX + 1);
	every("a name one too long", long_name);
	for (int i = 0; i < PATH_MAX - 1; i++)
		long_path[i] = i % 2 ? '.' : '/';
	long_path[PATH_MAX - 2] = 'x';
	every("a path of the greatest length", long_path);
	memset(long_path, '/', PATH_MAX);
	long_path[PATH_MAX] = 0;
	every("a path one too long", long_path);
}

static void structs(void)
{
	char *end = pages(1) + PAGE;
	int fd = must("socket", socket(AF_UNIX, SOCK_STREAM, 0));
	char *half[] = {"x", (char *)8, 0};
	char **unended = (char **)(end - 2 * sizeof *unended);

	printf("-- structs\n");
	unended[0] = unended[1] = "x";
	say("connect null", syscall(SYS_connect, fd, 0, 16));
	say("connect unmapped", syscall(SYS_connect, fd, end, 16));
	say("connect half", syscall(SYS_connect, fd, end - 8, 16));
	say("connect long", syscall(SYS_connect, fd, end - 8, 1 << 20));
	say("connect negative", syscall(SYS_connect, fd, end - 8, -1));
	say("bind empty", syscall(SYS_bind, fd, end - 8, 0));
	say("sendmsg unmapped", syscall(SYS_sendmsg, fd, end, 0));
	say("openat2 unmapped", syscall(SYS_openat2, AT_FDCWD, "x", end, 24));
	say("openat2 short", syscall(SYS_openat2, AT_FDCWD, "x", end - 8, 8));
	say("openat2 large", syscall(SYS_openat2, AT_FDCWD, "x", end - 24, 1 << 20));
	say("utimensat unmapped", syscall(SYS_utimensat, AT_FDCWD, ".", end, 0));
	say("execve argument unmapped", syscall(SYS_execve, "/bin/true", half, 0));
	say("execve arguments not ended", syscall(SYS_execve, "/bin/true", unended, 0));
	say("execve environment unmapped", syscall(SYS_execve, "/bin/true", (char *[]){"x", 0}, end));
	say("rt_sigaction unmapped", syscall(SYS_rt_sigaction, SIGUSR1, end, 0, 8));
	say("poll many", syscall(SYS_poll, end, 1 << 30, 0));
}

int main(void)
{
	strings();
	structs();
	return 0;
}
