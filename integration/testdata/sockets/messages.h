/* Messages: sendmsg and sendmmsg, and what goes with them. */

static struct msghdr message(struct iovec *iov, int n)
{
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = n};
	return m;
}

static long with_control(int fd, int type, const void *data, size_t n)
{
	static char control[4096];
	struct iovec v = {"m", 1};
	struct msghdr m = message(&v, 1);
	memset(control, 0, sizeof control);
	m.msg_control = control, m.msg_controllen = CMSG_SPACE(n);
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET, c->cmsg_type = type, c->cmsg_len = CMSG_LEN(n);
	memcpy(CMSG_DATA(c), data, n);
	return SENDMSG(fd, &m, 0);
}

static void receive(int fd)
{
	char control[2048], buf[16] = "";
	struct iovec v = {buf, sizeof buf};
	struct msghdr m = message(&v, 1);
	m.msg_control = control, m.msg_controllen = sizeof control;
	ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT);
	printf("received %zd \"%s\"", n, buf);
	for (struct cmsghdr *c = n < 0 ? NULL : CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		printf(" type %d", c->cmsg_type);
		if (c->cmsg_type == SCM_RIGHTS) {
			int count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int), *fds = (int *)CMSG_DATA(c);
			printf(" of %d", count);
			for (int i = 0; i < count; i++) {
				char text[8] = "";
				if (pread(fds[i], text, 7, 0) > 0)
					printf(" \"%s\"", text);
				close(fds[i]);
			}
		}
		if (c->cmsg_type == SCM_CREDENTIALS) {
			struct ucred *u = (void *)CMSG_DATA(c);
			printf(" %d:%d%s", u->uid, u->gid, getuid() ? "" : u->pid == getpid() ? " own" : " another");
		}
	}
	printf("\n");
}

static void messages(void)
{
	int fd[2], got[260], on = 1;
	struct iovec v[3] = {{"ab", 2}, {NULL, 0}, {"cd", 2}}, lots[1025];
	struct msghdr m = message(v, 3);
	socketpair(AF_UNIX, SOCK_DGRAM, 0, fd);
	SAY(SENDMSG(fd[0], &m, 0));
	receive(fd[1]);
	SAY(SENDMSG(fd[0], NULL, 0));
	SAY(SENDMSG(fd[0], hole + 4090, 0));
	SAY(SENDMSG(-1, &m, 0));
	SAY(SENDMSG(-1, NULL, 0));
	m.msg_iovlen = 0;
	SAY(SENDMSG(fd[0], &m, 0));
	receive(fd[1]);
	for (int i = 0; i < 1025; i++)
		lots[i] = (struct iovec){"x", 1};
	m.msg_iov = lots, m.msg_iovlen = 1025;
	SAY(SENDMSG(fd[0], &m, 0));
	m.msg_iovlen = 1024;
	SAY(SENDMSG(fd[0], &m, 0));
	receive(fd[1]);
	lots[7].iov_len = -1L;
	SAY(SENDMSG(fd[0], &m, 0));
	lots[7] = (struct iovec){NULL, 3};
	SAY(SENDMSG(fd[0], &m, 0));
	lots[9].iov_len = -5L;
	SAY(SENDMSG(fd[0], &m, 0));
	m.msg_iov = (void *)(hole + 4088), m.msg_iovlen = 2;
	SAY(SENDMSG(fd[0], &m, 0));
	m = message(v, 1);
	m.msg_name = (void *)1, m.msg_namelen = 16;
	SAY(SENDMSG(fd[0], &m, 0));
	m.msg_namelen = -1;
	SAY(SENDMSG(fd[0], &m, 0));
	m.msg_name = NULL;
	SAY(SENDMSG(fd[0], &m, 0));
	receive(fd[1]);
	m.msg_control = (void *)1, m.msg_controllen = 16;
	SAY(SENDMSG(fd[0], &m, 0));
	m.msg_control = hole, m.msg_controllen = 3;
	SAY(SENDMSG(fd[0], &m, 0));
	m.msg_controllen = 100;
	SAY(SENDMSG(fd[0], &m, 0));
	m.msg_controllen = 1 << 24;
	SAY(SENDMSG(fd[0], &m, 0));
	m.msg_controllen = -1L;
	SAY(SENDMSG(fd[0], &m, 0));
	m.msg_control = NULL, m.msg_controllen = 16;
	SAY(SENDMSG(fd[0], &m, 0));
	close(open("passed", O_CREAT | O_WRONLY, 0644));
	got[0] = open("passed", O_RDWR), write(got[0], "passed", 6);
	got[1] = open("dir", O_PATH), got[2] = 0;
	receive(fd[1]), receive(fd[1]);
	SAY(with_control(fd[0], SCM_RIGHTS, got, 3 * sizeof(int)));
	receive(fd[1]);
	SAY(with_control(fd[0], SCM_RIGHTS, got, 0));
	SAY(with_control(fd[0], SCM_RIGHTS, got, 6));
	receive(fd[1]), receive(fd[1]);
	got[1] = 77;
	SAY(with_control(fd[0], SCM_RIGHTS, got, 2 * sizeof(int)));
	for (int i = 0; i < 260; i++)
		got[i] = got[0];
	SAY(with_control(fd[0], SCM_RIGHTS, got, 253 * sizeof(int)));
	receive(fd[1]);
	SAY(with_control(fd[0], SCM_RIGHTS, got, 254 * sizeof(int)));
	setsockopt(fd[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
	SAY(SENDTO(fd[0], "plain", 5, 0, NULL, 0));
	receive(fd[1]);
	struct ucred u = {getpid(), getuid(), getgid()};
	SAY(with_control(fd[0], SCM_CREDENTIALS, &u, sizeof u));
	receive(fd[1]);
	u.pid = getuid() ? 1 : 0;
	SAY(with_control(fd[0], SCM_CREDENTIALS, &u, sizeof u));
	u.pid = getpid(), u.uid = 4242;
	SAY(with_control(fd[0], SCM_CREDENTIALS, &u, sizeof u));
	receive(fd[1]);
	SAY(with_control(fd[0], SCM_CREDENTIALS, &u, 8));
	SAY(with_control(fd[0], 0x7fff, &u, 8));
	close(fd[0]), close(fd[1]);
	tcp_pair(fd);
	SAY(with_control(fd[0], SCM_RIGHTS, got, 8));
	SAY(with_control(fd[0], 0x7fff, got, 8));
	close(fd[0]), close(fd[1]);
}

static void many(void)
{
	int fd[2];
	char buf[9];
	struct iovec v[3] = {{"one", 3}, {"two2", 4}, {"three", 5}};
	struct mmsghdr list[3];
	memset(list, 0, sizeof list);
	for (int i = 0; i < 3; i++)
		list[i].msg_hdr = message(&v[i], 1), list[i].msg_len = 99;
	socketpair(AF_UNIX, SOCK_DGRAM, 0, fd);
	SAY(SENDMMSG(fd[0], list, 3, 0));
	printf("%u %u %u\n", list[0].msg_len, list[1].msg_len, list[2].msg_len);
	for (int i = 0; i < 3; i++)
		SAY(recv(fd[1], buf, sizeof buf, MSG_DONTWAIT));
	list[1].msg_hdr.msg_iov = (void *)1, list[1].msg_len = 55;
	SAY(SENDMMSG(fd[0], list, 3, 0));
	printf("%u %u %u\n", list[0].msg_len, list[1].msg_len, list[2].msg_len);
	SAY(recv(fd[1], buf, sizeof buf, MSG_DONTWAIT));
	SAY(SENDMMSG(fd[0], list + 1, 2, 0));
	SAY(SENDMMSG(fd[0], list, 0, 0));
	SAY(SENDMMSG(-1, list, 0, 0));
	SAY(SENDMMSG(-1, NULL, 4, 0));
	SAY(SENDMMSG(fd[0], NULL, 4, 0));
	struct mmsghdr *edge = (void *)(hole + 4096 - sizeof *edge);
	*edge = list[0];
	SAY(SENDMMSG(fd[0], edge, 3, 0));
	SAY(recv(fd[1], buf, sizeof buf, MSG_DONTWAIT));
	socklen_t len;
	struct sockaddr_un a = un("dir/one.sock", &len), b = un("nosuch/two.sock", &len);
	int s = unix_socket(SOCK_DGRAM), c = unix_socket(SOCK_DGRAM);
	bind_path(s, "dir/one.sock");
	memset(list, 0, sizeof list);
	for (int i = 0; i < 3; i++) {
		list[i].msg_hdr = message(&v[i], 1);
		list[i].msg_hdr.msg_name = i == 2 ? &b : &a, list[i].msg_hdr.msg_namelen = sizeof a;
	}
	SAY(SENDMMSG(c, list, 3, 0));
	SAY(SENDMMSG(c, list + 2, 1, 0));
	SAY(recv(s, buf, sizeof buf, MSG_DONTWAIT));
	SAY(recv(s, buf, sizeof buf, MSG_DONTWAIT));
	SAY(recv(s, buf, sizeof buf, MSG_DONTWAIT));
	close(s), close(c), close(fd[1]);
	SAY(SENDMMSG(fd[0], list + 2, 1, 0));
	close(fd[0]);
}
