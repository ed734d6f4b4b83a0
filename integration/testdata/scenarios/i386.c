/* Calls whose shape differs on a 32-bit ABI: multiplexed ones, 64-bit arguments in two registers, old structs. */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifdef __i386__
/* The first socket call of i386: one number and a block of arguments. */
static long socketcall(long call, unsigned long *args)
{
	return syscall(SYS_socketcall, call, args);
}

static void old_sockets(void)
{
	int pair[2];
	unsigned long create[] = {AF_UNIX, SOCK_STREAM, 0};
	long fd = socketcall(1, create);
	struct sockaddr_un where = {.sun_family = AF_UNIX, .sun_path = "socket"};
	unsigned long name[] = {fd, (unsigned long)&where, sizeof where};
	unsigned long backlog[] = {fd, 5};
	unsigned long two[] = {AF_UNIX, SOCK_DGRAM, 0, (unsigned long)pair};

	socketcall(2, name);
	socketcall(4, backlog);
	socketcall(8, two);
	unsigned long message[] = {pair[0], (unsigned long)"hello", 5, 0};
	socketcall(9, message);
	close(fd);
	unlink("socket");
}

static void old_mmap(void)
{
	unsigned long args[] = {0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0};
	syscall(SYS_mmap, args);
}

static void old_ipc(void)
{
	int id = syscall(SYS_ipc, 2, IPC_PRIVATE, 3, 0600 | IPC_CREAT, 0, 0);
	syscall(SYS_ipc, 3, id, 0, IPC_RMID, 0, 0);
}
#else
static void old_sockets(void) {}
static void old_mmap(void) {}
static void old_ipc(void) {}
#endif

static void files(void)
{
	char buffer[16];
	struct stat st;
	struct statfs fs;
	struct iovec v[2] = {{"one", 3}, {"two", 3}};
	int fd = open("file", O_RDWR | O_CREAT | O_TRUNC, 0644);

	ftruncate(fd, 0x123456789LL);
	pwrite(fd, "end", 3, 0x123456780LL);
	pread(fd, buffer, 3, 0x123456780LL);
	fallocate(fd, 0, 0x100000000LL, 4096);
	posix_fadvise(fd, 0x100000000LL, 0x200000000LL, POSIX_FADV_DONTNEED);
	sync_file_range(fd, 0x100000000LL, 4096, SYNC_FILE_RANGE_WRITE);
	lseek(fd, 0x100000001LL, SEEK_SET);
	pwritev(fd, v, 2, 0x100000002LL);
	truncate("file", 0x100000003LL);
	readahead(fd, 0x100000000LL, 4096);
	stat("file", &st);
	fstat(fd, &st);
	statfs(".", &fs);
	struct flock lock = {.l_type = F_WRLCK, .l_start = 0x100000000LL, .l_len = 10};
	fcntl(fd, F_SETLK, &lock);
	void *p = mmap(0, 4096, PROT_READ, MAP_SHARED, fd, 0x100000000LL);
	munmap(p, 4096);
	close(fd);
	unlink("file");
}

static void queues(void)
{
	int sem = semget(IPC_PRIVATE, 2, 0600 | IPC_CREAT);
	struct sembuf up = {0, 1, 0};
	semop(sem, &up, 1);
	semctl(sem, 0, IPC_RMID);
	int msg = msgget(IPC_PRIVATE, 0600 | IPC_CREAT);
	struct { long type; char text[8]; } m = {1, "message"};
	msgsnd(msg, &m, sizeof m.text, 0);
	msgrcv(msg, &m, sizeof m.text, 0, 0);
	msgctl(msg, IPC_RMID, 0);
	int shm = shmget(IPC_PRIVATE, 8192, 0600 | IPC_CREAT);
	void *p = shmat(shm, 0, 0);
	shmdt(p);
	shmctl(shm, IPC_RMID, 0);
}

static void times(void)
{
	struct timeval tv[2] = {{1, 2}, {3, 4}};
	struct timespec little = {0, 1000000};
	struct itimerval timer = {{0, 0}, {100, 0}};

	mkdir("dir", 0755);
	utimes("dir", tv);
	rmdir("dir");
	nanosleep(&little, 0);
	setitimer(ITIMER_REAL, &timer, 0);
	poll(0, 0, 1);
}

int main(void)
{
	unshare(CLONE_NEWIPC); /* queue numbers start at 0 again; as an ordinary user they don't */
	for (int i = 0; i < 10; i++) {
		files();
		old_sockets();
		old_mmap();
		old_ipc();
		queues();
		times();
	}
	pid_t pid = fork();
	if (pid == 0) {
		execl("/bin/true", "true", (char *)0);
		_exit(127);
	}
	int status;
	waitpid(pid, &status, 0);
	printf("%d\n", WEXITSTATUS(status));
	return 0;
}
