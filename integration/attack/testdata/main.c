/*
 * attack list              the attacks, one a line: name, what they are like
 * attack run NAME[,NAME...] ROOT ATTEMPTS MILLISECONDS STOP     under supervision: tries each, and says what came of it
 * attack peer NAME ROOT    outside: swaps names and bytes for as long as it lives
 */
#include "attack.h"
#include <sys/prctl.h>

struct scene scene;
char root[2048];
pid_t supervisor;
int refused;
const char *winner;

static const char *name;

static struct stat before[WITNESSES];
static long long attempts, won, allowed, denied, others[4096];

/* at is a path of the tree. Each of the last 16 results stays. */
char *at(const char *name)
{
	static __thread char paths[16][4096];
	static __thread unsigned next;
	char *path = paths[next++ % 16];
	snprintf(path, sizeof paths[0], "%s/%s", root, name);
	return path;
}

void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(3);
}

#ifdef __i386__
#undef SYS_fstat
#define SYS_fstat SYS_fstat64
#endif

/* look is fstat by its own number: the C library's goes by newfstatat, which the policy is about. */
int look(int fd, struct stat *st) { return syscall(SYS_fstat, fd, st); }

int is_descriptor_of(int fd, int witness)
{
	struct stat a, b;
	return look(fd, &a) == 0 && look(witness, &b) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

int is_secret(int fd)
{
	char text[8] = "";
	for (int witness = FORBIDDEN_DIR; witness < FORBIDDEN_DIR + WITNESSES; witness++)
		if (is_descriptor_of(fd, witness))
			return 1;
	return pread(fd, text, 6, 0) == 6 && memcmp(text, "SECRET", 6) == 0;
}

/* changed compares the times of change of what is forbidden: they move with names, modes, owners, times and attributes too. */
int changed(void)
{
	for (int i = 0; i < WITNESSES; i++) {
		struct stat now;
		look(FORBIDDEN_DIR + i, &now);
		if (memcmp(&now.st_ctim, &before[i].st_ctim, sizeof now.st_ctim) != 0)
			return 1;
	}
	return 0;
}

long outcome(long r) { return r < 0 ? -errno : 0; }

long opened(long fd)
{
	if (fd < 0)
		return -errno;
	long r = is_secret(fd) ? WON : 0;
	close(fd);
	return r;
}

long made(const struct call *call) { return call->make(scene.dirfd, scene.path); }

void take_decoys(const char *name)
{
	scene.decoys = open(at(name), O_RDONLY | O_DIRECTORY);
	if (scene.decoys < 0)
		die(name);
}

/* undo restores the permitted twin, so that the next attempt has something to do. */
static void undo(const struct call *call, long r)
{
	if (call->like & CREATES && (r == 0 || r == -EEXIST)) {
		if (syscall(SYS_unlinkat, scene.decoys, call->leaf, 0) < 0)
			syscall(SYS_unlinkat, scene.decoys, call->leaf, AT_REMOVEDIR);
	}
	if (call->like & REMOVES && (r == 0 || r == -ENOENT)) {
		if (strcmp(call->leaf, "empty") == 0)
			syscall(SYS_mkdirat, scene.decoys, call->leaf, 0755);
		else
			syscall(SYS_mknodat, scene.decoys, call->leaf, S_IFREG | 0644, 0);
	}
}

static void count(const struct call *call, long r)
{
	attempts++;
	if (r == WON || changed())
		won++;
	else if (r == 0 || r == -ENODATA || (r == -ENOENT && call && call->like & HOLE))
		allowed++;
	else if (r == -EACCES)
		denied++;
	else
		others[-r & 4095]++;
}

static void report(void)
{
	printf("%s attempts=%lld won=%lld allowed=%lld denied=%lld", name, attempts, won, allowed, denied);
	for (int i = 0; i < 4096; i++)
		if (others[i])
			printf(" errno%d=%lld", i, others[i]);
	if (winner)
		printf(" by:%s", winner);
	printf("\n");
	fflush(stdout);
}

static long long milliseconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static void *watch(void *arg)
{
	struct timespec limit = {*(long *)arg / 1000 + 5, 0};
	nanosleep(&limit, NULL);
	report();
	fprintf(stderr, "a call did not return\n");
	_exit(4);
}

static void run(const struct trick *trick, const struct call *call, long long most, long limit, int stop)
{
	pthread_t thread;
	for (int i = 0; i < WITNESSES; i++)
		if (look(FORBIDDEN_DIR + i, &before[i]) < 0)
			die("an inherited descriptor");
	scene.dirfd = AT_FDCWD;
	scene.decoys = -1;
	if (trick->prepare)
		trick->prepare(call);
	if (refused)
		most = 1;
	pthread_create(&thread, NULL, watch, &limit);
	if (trick->peer && pthread_create(&thread, NULL, trick->peer, (void *)call) != 0)
		die("pthread_create");
	for (long long end = milliseconds() + limit; attempts < most && (attempts % 16 || milliseconds() < end);) {
		long r = trick->attempt ? trick->attempt(call) : made(call);
		count(call, r);
		if (won && stop)
			break;
		if (call)
			undo(call, r);
	}
	report();
	_exit(0);
}

static int fits(const struct trick *t, const struct call *c) { return (c->like & t->wants) == t->wants; }

static void print(const struct trick *t, const struct call *call)
{
	static const char *const words[] = {"race", "trick", "peer", "root"};
	printf("%s/%s leaf:%s", t->name, call ? call->name : "once", call ? call->leaf : "none");
	for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
		if (t->like & 1u << i)
			printf(" %s", words[i]);
	printf("\n");
}

static int list(void)
{
	for (int i = 0; i < ntricks; i++)
		for (int j = 0; j < ncalls; j++)
			if (fits(&tricks[i], &calls[j]))
				print(&tricks[i], &calls[j]);
	for (int i = 0; i < nspecials; i++)
		print(&specials[i], NULL);
	return 0;
}

/* find takes TRICK/CALL apart. */
static const struct trick *find(const char *attack, const struct call **call)
{
	const char *slash = strchr(attack, '/');
	size_t n = slash ? slash - attack : 0;
	for (int j = 0; j < ncalls && slash; j++)
		if (strcmp(calls[j].name, slash + 1) == 0)
			*call = &calls[j];
	for (int i = 0; i < nspecials; i++)
		if (n && strncmp(specials[i].name, attack, n) == 0 && !specials[i].name[n])
			return &specials[i];
	for (int i = 0; i < ntricks && *call; i++)
		if (strncmp(tricks[i].name, attack, n) == 0 && !tricks[i].name[n])
			return &tricks[i];
	fprintf(stderr, "no attack %s: see attack list\n", attack);
	exit(2);
}

/* run_each gives each attack a process of its own: it may change root, namespaces and directory, and leaves threads. */
static int run_each(char *names, char **limits)
{
	supervisor = getppid();
	for (name = strtok(names, ","); name; name = strtok(NULL, ",")) {
		const struct call *call = NULL;
		const struct trick *trick = find(name, &call);
		int status = 0;
		fflush(stdout);
		pid_t child = fork();
		if (child == 0)
			run(trick, call, atoll(limits[0]), atol(limits[1]), atoi(limits[2]));
		waitpid(child, &status, 0);
		if (status)
			return WIFEXITED(status) ? WEXITSTATUS(status) : 6;
	}
	return 0;
}

int main(int argc, char **argv)
{
	const struct call *call = NULL;
	if (argc == 2 && strcmp(argv[1], "list") == 0)
		return list();
	if (argc < 4) {
		fprintf(stderr, "usage: attack list | run NAMES ROOT ATTEMPTS MILLISECONDS STOP | peer NAME ROOT\n");
		return 2;
	}
	snprintf(root, sizeof root, "%s", argv[3]);
	if (strcmp(argv[1], "run") == 0 && argc == 7)
		return run_each(argv[2], argv + 4);
	const struct trick *trick = find(argv[2], &call);
	if (!trick->outside)
		return 2;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	trick->outside(call->leaf);
	return 3;
}
