/* Streams that wait, and end. */

static volatile long drained;

static void *drain(void *arg)
{
	static char buf[1 << 16];
	unsigned sum = 0;
	ssize_t n;
	usleep(200000);
	while ((n = recv((int)(long)arg, buf, sizeof buf, 0)) > 0)
		for (ssize_t i = 0; i < n; i++, drained++)
			sum = sum * 31 + buf[i];
	return (void *)(long)(sum & 0xffffff);
}

/* full fills a stream until it stays so: TCP moves data on, and lets its buffers grow. */
static void full(int fd)
{
	static char data[4096];
	for (int idle = 0; idle < 5; idle++, usleep(5000))
		while (send(fd, data, sizeof data, MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
			idle = 0;
}

static void handler(int flags)
{
	struct sigaction act = {.sa_handler = on_alarm, .sa_flags = flags};
	sigaction(SIGALRM, &act, NULL);
	alarms = 0;
}
static void in_ms(int ms)
{
	struct itimerval t = {.it_value = {0, ms * 1000}};
	setitimer(ITIMER_REAL, &t, NULL);
}

static void pair(int tcp, int fd[2])
{
	if (tcp)
		tcp_pair(fd);
	else
		socketpair(AF_UNIX, SOCK_STREAM, 0, fd);
}

static void stream(int tcp)
{
	static char data[1 << 20];
	int fd[2];
	pthread_t t;
	void *sum;
	struct timeval limit = {0, 100000};
	for (unsigned i = 0; i < sizeof data; i++)
		data[i] = i * 7 + i / 1000;
	pair(tcp, fd);
	pthread_create(&t, NULL, drain, (void *)(long)fd[1]);
	SAY(SENDTO(fd[0], data, sizeof data, 0, NULL, 0)); /* waits for the reader, and takes all */
	struct iovec v[2] = {{data, 500000}, {data + 500000, sizeof data - 500000}};
	struct msghdr m = message(v, 2);
	SAY(SENDMSG(fd[0], &m, 0));
	for (long left = 3000000, n; left > 0; left -= n)
		n = SENDTO(fd[0], data, left < 1000000 ? left : 1000000, 0, NULL, 0);
	shutdown(fd[0], SHUT_WR);
	pthread_join(t, &sum);
	printf("drained %ld, %lx\n", drained, (long)sum);
	drained = 0;
	close(fd[0]), close(fd[1]);

	if (tcp) { /* its buffers may still find room: then a part is sent */
		pair(tcp, fd);
		full(fd[0]);
		handler(0), in_ms(60);
		long r = SENDTO(fd[0], data, sizeof data, 0, NULL, 0);
		printf("%s, %d alarms\n", r < (long)sizeof data && (r > 0 || errno == EINTR) ? "interrupted" : "not interrupted", alarms);
		close(fd[0]), close(fd[1]);
		return;
	}
	pair(tcp, fd);
	full(fd[0]);
	SAY(SENDTO(fd[0], "x", 1, MSG_DONTWAIT, NULL, 0));
	handler(0), in_ms(60);
	SAY(SENDTO(fd[0], "x", 1, 0, NULL, 0));
	printf("%d alarms\n", alarms);
	full(fd[0]);
	handler(SA_RESTART), in_ms(60);
	pthread_create(&t, NULL, drain, (void *)(long)fd[1]);
	SAY(SENDTO(fd[0], "x", 1, 0, NULL, 0));
	printf("%d alarms\n", alarms);
	shutdown(fd[0], SHUT_WR);
	pthread_join(t, NULL);
	close(fd[0]), close(fd[1]);

	pair(tcp, fd);
	full(fd[0]);
	setsockopt(fd[0], SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	SAY(SENDTO(fd[0], "x", 1, 0, NULL, 0));
	full(fd[0]);
	handler(SA_RESTART), in_ms(40);
	SAY(SENDTO(fd[0], "x", 1, 0, NULL, 0));
	printf("%d alarms\n", alarms);
	drained = 0;
	close(fd[0]), close(fd[1]);
}

static void backlog(void)
{
	int l = unix_socket(SOCK_STREAM), c[4];
	struct timeval limit = {0, 50000};
	bind_path(l, "dir/full.sock");
	listen(l, 0);
	for (int i = 0; i < 2; i++) {
		c[i] = unix_socket(SOCK_STREAM | SOCK_NONBLOCK);
		SAY(connect_path(c[i], "dir/full.sock"));
	}
	c[2] = unix_socket(SOCK_STREAM);
	handler(0), in_ms(60);
	SAY(connect_path(c[2], "dir/full.sock"));
	setsockopt(c[2], SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	SAY(connect_path(c[2], "dir/full.sock"));
	handler(SA_RESTART), in_ms(30);
	SAY(connect_path(c[2], "dir/full.sock"));
	uint16_t port;
	int tl = listener(&port, 0);
	struct sockaddr_in a = inet(port);
	int first = socket(AF_INET, SOCK_STREAM, 0), second = socket(AF_INET, SOCK_STREAM, 0);
	CONNECT(first, &a, sizeof a);
	handler(0), in_ms(60);
	SAY(CONNECT(second, &a, sizeof a));
	SAY(fcntl(second, F_GETFL));
	close(first), close(second), close(tl);
	for (int i = 0; i < 3; i++)
		close(c[i]);
	close(l);
}

static void streams(void)
{
	stream(0);
	stream(1);
	backlog();
}

/* Whoever has no handler for SIGPIPE dies of it. */
static void broken(void)
{
	for (int kind = 0; kind < 4; kind++) {
		int fd[2], status;
		fflush(stdout);
		if (fork() == 0) {
			signal(SIGPIPE, kind == 2 ? SIG_IGN : SIG_DFL);
			pair(kind & 1, fd);
			shutdown(fd[0], SHUT_WR);
			struct iovec v = {"x", 1};
			struct mmsghdr m = {.msg_hdr = message(&v, 1)};
			if (kind == 3)
				SAY(SENDMMSG(fd[0], &m, 1, 0));
			SAY(SENDTO(fd[0], "x", 1, 0, NULL, 0));
			_exit(3);
		}
		wait(&status);
		printf("ended with %d, signal %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -1, WIFSIGNALED(status) ? WTERMSIG(status) : 0);
	}
}
