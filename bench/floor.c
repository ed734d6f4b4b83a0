//go:build ignore

/*
 * floor MODE PROGRAM [ARGS...]: runs PROGRAM with mkdirat notified, under the least supervisor that can be written in C:
 * one thread, SYNC_WAKE_UP, no tables, no record. What Stead costs is judged against it.
 *
 *   errno      answers ENOTDIR, looks at nothing
 *   read       reads the path (process_vm_readv, then ID_VALID) and answers ENOTDIR
 *   continue   reads the path in the same way and lets the kernel run the call
 *
 * The build constraint above keeps the go command from taking this file for part of a Go package.
 * Sources of the rules: seccomp_unotify(2), and the kernel's Documentation/userspace-api/seccomp_filter.rst.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* linux/seccomp.h, Linux 6.6: older headers lack it. */
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#endif
/* linux/seccomp.h, Linux 5.19. */
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

enum mode { MODE_ERRNO, MODE_READ, MODE_CONTINUE };

static void die(const char *what)
{
	perror(what);
	exit(125);
}

static int install(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mkdirat, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof code / sizeof *code, code};
	unsigned flags = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		die("no_new_privs");
	int fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
	if (fd < 0)
		die("seccomp");
	return fd;
}

union control {
	struct cmsghdr header;
	char room[CMSG_SPACE(sizeof(int))];
};

static void send_fd(int sock, int fd)
{
	union control control = {0};
	char byte = 0;
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};

	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
	if (sendmsg(sock, &msg, 0) != 1)
		die("sendmsg");
}

static int receive_fd(int sock)
{
	union control control;
	char byte;
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
	int fd;

	if (recvmsg(sock, &msg, MSG_CMSG_CLOEXEC) != 1 || msg.msg_controllen < CMSG_LEN(sizeof fd))
		die("recvmsg");
	memcpy(&fd, CMSG_DATA(&control.header), sizeof fd);
	return fd;
}

/* The path as any supervisor has to read it; the byte count keeps the compiler from leaving the read out. */
static ssize_t read_path(int listener, const struct seccomp_notif *n)
{
	char buffer[256];
	struct iovec local = {buffer, sizeof buffer};
	struct iovec remote = {(void *)n->data.args[1], sizeof buffer};
	ssize_t got = process_vm_readv(n->pid, &local, 1, &remote, 1, 0);
	__u64 id = n->id;

	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id))
		return -1;
	return got;
}

static void answer(int listener, enum mode mode, const struct seccomp_notif *n)
{
	struct seccomp_notif_resp r = {.id = n->id, .error = -ENOTDIR};

	if (mode != MODE_ERRNO && read_path(listener, n) < 0)
		return;
	if (mode == MODE_CONTINUE) {
		r.error = 0;
		r.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	}
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &r) && errno != ENOENT)
		die("send");
}

/*
 * Serves until every user of the filter has gone. RECV ends by itself then since Linux 6.11; a floor for older kernels
 * would have to poll before each receive, and would measure that.
 */
static void serve(int listener, enum mode mode)
{
	struct seccomp_notif n;

	ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
	for (;;) {
		memset(&n, 0, sizeof n);
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &n) == 0) {
			answer(listener, mode, &n);
			continue;
		}
		struct pollfd p = {.fd = listener, .events = POLLIN};
		poll(&p, 1, 0);
		if (p.revents & POLLHUP)
			return;
	}
}

static pid_t start(int sock, char **argv)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid)
		return pid;
	int fd = install();
	send_fd(sock, fd);
	close(fd);
	close(sock);
	execvp(argv[0], argv);
	die(argv[0]);
	return -1;
}

static enum mode parse(const char *name)
{
	static const char *const names[] = {"errno", "read", "continue"};

	for (int i = 0; i < 3; i++)
		if (strcmp(name, names[i]) == 0)
			return i;
	fprintf(stderr, "floor: unknown mode: %s\n", name);
	exit(2);
}

int main(int argc, char **argv)
{
	int pair[2], status;

	if (argc < 3) {
		fprintf(stderr, "usage: floor errno|read|continue PROGRAM [ARGS...]\n");
		return 2;
	}
	enum mode mode = parse(argv[1]);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		die("socketpair");
	pid_t pid = start(pair[1], argv + 2);
	close(pair[1]);
	serve(receive_fd(pair[0]), mode);
	if (waitpid(pid, &status, 0) < 0)
		die("waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
