/* Who is what after threads and processes were made before and after a change, by the kernel's own calls, which change one thread, and by
   the C library's, which change all. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __i386__
#define SETRESUID SYS_setresuid32
#define GETUID SYS_getuid32
#else
#define SETRESUID SYS_setresuid
#define GETUID SYS_getuid
#endif

static pthread_barrier_t changed, asked;

static void say(const char *who) {
	printf("%s %ld\n", who, (long)syscall(GETUID));
	fflush(stdout);
}

/* A child that says who it is when it is told to, after its own child has. */
static int waiting(const char *name, pid_t *pid) {
	int go[2];
	if (pipe(go))
		return -1;
	*pid = fork();
	if (*pid == 0) {
		char c;
		pid_t inner = fork();
		if (read(go[0], &c, 1) != 1)
			_exit(1);
		if (inner)
			waitpid(inner, NULL, 0);
		else
			printf("child of ");
		say(name);
		_exit(0);
	}
	return go[1];
}

static void done(int go, pid_t pid) {
	write(go, "xx", 2);
	waitpid(pid, NULL, 0);
}

static void *other(void *unused) {
	pid_t before, after;
	int first = waiting("child of the other thread before", &before);
	pthread_barrier_wait(&changed);
	syscall(SETRESUID, 1001, 1001, 0);
	int second = waiting("child of the other thread after", &after);
	pthread_barrier_wait(&changed);
	pthread_barrier_wait(&asked);
	pthread_barrier_wait(&asked);
	say("the other thread");
	done(first, before);
	done(second, after);
	syscall(SETRESUID, 0, 0, 0); /* else the C library would find that its call does not change all alike, and abort */
	pthread_barrier_wait(&asked);
	pthread_barrier_wait(&changed);
	pthread_barrier_wait(&asked);
	say("the other thread after all");
	return unused;
}

static void *quiet(void *unused) {
	pthread_barrier_wait(&changed);
	pthread_barrier_wait(&changed);
	pthread_barrier_wait(&asked);
	say("a thread that was there");
	pthread_barrier_wait(&asked);
	pthread_barrier_wait(&asked);
	pthread_barrier_wait(&changed);
	pthread_barrier_wait(&asked);
	return unused;
}

int main(void) {
	pthread_t a, b;
	pid_t before, after;
	pthread_barrier_init(&changed, NULL, 3);
	pthread_barrier_init(&asked, NULL, 3);
	int first = waiting("child before", &before);
	pthread_create(&a, NULL, other, NULL);
	pthread_create(&b, NULL, quiet, NULL);
	pthread_barrier_wait(&changed);
	pthread_barrier_wait(&changed);
	say("main");
	pthread_barrier_wait(&asked);
	pthread_barrier_wait(&asked);
	pthread_barrier_wait(&asked);
	if (setresuid(1002, 1002, 1002)) /* every thread */
		printf("setresuid: %d\n", errno);
	int second = waiting("child after", &after);
	say("main after all");
	pthread_barrier_wait(&changed);
	done(first, before);
	done(second, after);
	pthread_barrier_wait(&asked);
	pthread_join(a, NULL);
	pthread_join(b, NULL);
	if (vfork() == 0)
		execlp("id", "id", "-u", NULL);
	wait(NULL);
	execlp("sh", "sh", "-c", "(id -u); id -u | cat", NULL);
	return 1;
}
