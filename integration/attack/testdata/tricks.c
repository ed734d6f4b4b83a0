/* The tricks that are tried with every call: what swaps the allowed name for the forbidden one, and who. */
#include "attack.h"
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>

#define EXCHANGE 2 /* RENAME_EXCHANGE of include/uapi/linux/fs.h */
#define PAGE 4096

/* The two names have eight bytes, slashes included: one aligned store swaps them, and nobody sees half of each. */
static volatile uint64_t *token;

static uint64_t word(const char *eight)
{
	uint64_t w;
	memcpy(&w, eight, 8);
	return w;
}

static void pause_for(int n)
{
	for (volatile int i = 0; i < n; i++)
		;
}

/* write_path writes ROOT/permit/LEAF so that the token begins at a multiple of eight. */
static void write_path(char *to, const char *leaf)
{
	size_t pad = (8 - strlen(root) % 8) % 8;
	memset(to, '/', pad);
	sprintf(to + pad, "%s/permit/%s", root, leaf);
	token = (volatile uint64_t *)(to + pad + strlen(root));
	scene.path = to;
}

static void flip_token(void)
{
	const uint64_t permit = word("/permit/"), forbid = word("/forbid/");
	for (unsigned n = 0;; n++) {
		*token = forbid;
		pause_for(n % 61);
		*token = permit;
		pause_for(n % 67);
	}
}

static void prepare_bytes(const struct call *call)
{
	static char path[PAGE] __attribute__((aligned(64)));
	write_path(path, call->leaf);
	take_decoys("permit");
}

static void *flip_bytes(void *arg)
{
	flip_token();
	return arg;
}

/* The same, while signals come: a call that is made again must not be another one. */
static pid_t interrupted;

static void nothing(int signal) {}

static void prepare_signals(const struct call *call)
{
	struct sigaction action = {.sa_handler = nothing, .sa_flags = SA_RESTART};
	sigaction(SIGUSR1, &action, NULL);
	interrupted = syscall(SYS_gettid);
	prepare_bytes(call);
}

static void *flip_and_signal(void *arg)
{
	sigset_t own;
	sigemptyset(&own);
	sigaddset(&own, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &own, NULL);
	for (unsigned n = 0;; n++) {
		*token = word(n & 1 ? "/permit/" : "/forbid/");
		pause_for(n % 61);
		if (n % 1024 == 0)
			syscall(SYS_tgkill, getpid(), interrupted, SIGUSR1);
	}
	return arg;
}

/* A process that has the memory in common, but neither descriptors nor directories. */
static int flip_in_process(void *arg)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	flip_token();
	return arg != NULL;
}

static void prepare_process(const struct call *call)
{
	static char stack[4 * PAGE] __attribute__((aligned(16)));
	prepare_bytes(call);
	if (clone(flip_in_process, stack + sizeof stack, CLONE_VM | SIGCHLD, NULL) < 0)
		die("clone");
}

static char *map_shared(void)
{
	int fd = open(at("shared"), O_RDWR);
	char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fd < 0 || page == MAP_FAILED)
		die("map the shared page");
	return page;
}

static void prepare_shared(const struct call *call)
{
	write_path(map_shared(), call->leaf);
	take_decoys("permit");
}

static void ready(void)
{
	printf("ready\n");
	fflush(stdout);
}

static void outside_shared(const char *leaf)
{
	write_path(map_shared(), leaf);
	ready();
	flip_token();
}

/* The last component. */
static void prepare_last(const struct call *call)
{
	char name[64];
	snprintf(name, sizeof name, "swing/%s", call->leaf);
	scene.path = strdup(at(name));
	take_decoys("permit");
}

static const char *aim(unsigned n, const char *leaf)
{
	static char to[2][64];
	snprintf(to[n & 1], sizeof *to, "../%s/%s", n & 1 ? "forbid" : "permit", leaf);
	return to[n & 1];
}

static void outside_last(const char *leaf)
{
	char name[64];
	snprintf(name, sizeof name, "swing/%s", leaf);
	for (unsigned n = 0;; n++) {
		if (symlink(aim(n, leaf), at("swing/next")) < 0 || rename(at("swing/next"), at(name)) < 0)
			die("swing");
		if (n == 0)
			ready();
		pause_for(n % 997);
	}
}

static void outside_recreate(const char *leaf)
{
	char name[64];
	snprintf(name, sizeof name, "swing/%s", leaf);
	for (unsigned n = 0;; n++) {
		unlink(at(name));
		symlink(aim(n, leaf), at(name));
		if (n == 0)
			ready();
		pause_for(n % 997);
	}
}

/* A component in the middle. */
static void prepare_middle(const struct call *call)
{
	char name[64];
	snprintf(name, sizeof name, "swing/middle/%s", call->leaf);
	scene.path = strdup(at(name));
	take_decoys("permit");
}

static void swap_names(const char *a, const char *b)
{
	char *one = strdup(at(a)), *other = strdup(at(b));
	for (unsigned n = 0;; n++) {
		if (syscall(SYS_renameat2, AT_FDCWD, one, AT_FDCWD, other, EXCHANGE) < 0)
			die("exchange");
		if (n == 0)
			ready();
		pause_for(n % 997);
	}
}

static void outside_middle(const char *leaf) { swap_names("swing/middle", "swing/other"); }

/* A directory that is exchanged for a link. */
static void prepare_exchange(const struct call *call)
{
	char name[64];
	snprintf(name, sizeof name, "swing/real/%s", call->leaf);
	scene.path = strdup(at(name));
	for (int i = 0; i < 1000000; i++) {
		scene.decoys = open(at("swing/real"), O_RDONLY | O_DIRECTORY);
		if (scene.decoys >= 0 && !is_descriptor_of(scene.decoys, FORBIDDEN_DIR))
			return;
		close(scene.decoys);
	}
	die("open the real directory");
}

static void outside_exchange(const char *leaf) { swap_names("swing/real", "swing/false"); }

/* The working directory is carried elsewhere, so that .. leads elsewhere. */
static void prepare_carried(const struct call *call)
{
	char name[64];
	snprintf(name, sizeof name, "../../forbid/%s", call->leaf);
	scene.path = strdup(name);
	take_decoys("swing/forbid");
	for (int i = 0; chdir(at("swing/step/carried")) < 0; i++)
		if (i == 1000000)
			die("enter the carried directory");
}

static void outside_carried(const char *leaf)
{
	char *here = strdup(at("swing/step/carried")), *there = strdup(at("hold/carried"));
	for (unsigned n = 0;; n++) {
		if (rename(n & 1 ? there : here, n & 1 ? here : there) < 0)
			die("carry");
		if (n == 0)
			ready();
		pause_for(n % 997);
	}
}

/* Both places have a directory with the forbidden one's name. */
static int places[2];

static void prepare_places(const struct call *call)
{
	char name[64];
	snprintf(name, sizeof name, "forbid/%s", call->leaf);
	scene.path = strdup(name);
	take_decoys("swing/forbid");
	places[0] = open(at("swing"), O_RDONLY | O_DIRECTORY);
	places[1] = open(root, O_RDONLY | O_DIRECTORY);
	if (places[0] < 0 || places[1] < 0)
		die("open the places");
}

static void prepare_descriptor(const struct call *call)
{
	prepare_places(call);
	scene.dirfd = dup(places[0]);
}

/* The same by name, as the shell's /dev/fd has it. */
static void prepare_descriptor_name(const struct call *call)
{
	char name[128];
	prepare_places(call);
	scene.dirfd = dup(places[0]);
	snprintf(name, sizeof name, "/proc/self/fd/%d/forbid/%s", scene.dirfd, call->leaf);
	scene.path = strdup(name);
}

static void *swap_descriptor(void *arg)
{
	for (unsigned n = 0;; n++) {
		dup2(places[n & 1], scene.dirfd);
		pause_for(n % 499);
	}
	return arg;
}

static void *swap_directory(void *arg)
{
	for (unsigned n = 0;; n++) {
		fchdir(places[n & 1]);
		pause_for(n % 499);
	}
	return arg;
}

/* The name lies on two pages, and who reads the second waits until the first has changed. */
static char *pages;
static int faults;

static void prepare_stall(const struct call *call)
{
	struct uffdio_api api = {.api = UFFD_API};
	struct uffdio_register range = {.mode = UFFDIO_REGISTER_MODE_MISSING};
	faults = syscall(SYS_userfaultfd, O_CLOEXEC);
	if (faults < 0) {
		fprintf(stderr, "unsupported: userfaultfd: %s\n", strerror(errno));
		exit(5);
	}
	pages = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	range.range.start = (uintptr_t)pages + PAGE;
	range.range.len = PAGE;
	if (ioctl(faults, UFFDIO_API, &api) < 0 || ioctl(faults, UFFDIO_REGISTER, &range) < 0)
		die("userfaultfd");
	token = (volatile uint64_t *)(pages + PAGE - 8);
	scene.path = pages + PAGE - 8 - strlen(root);
	memcpy(scene.path, root, strlen(root));
	take_decoys("permit");
}

static void *serve_faults(void *arg)
{
	static char leaf[PAGE] __attribute__((aligned(PAGE)));
	const struct call *call = arg;
	struct uffd_msg message;
	strcpy(leaf, call->leaf);
	while (read(faults, &message, sizeof message) == sizeof message) {
		struct uffdio_copy copy = {.dst = (uintptr_t)pages + PAGE, .src = (uintptr_t)leaf, .len = PAGE};
		*token = *token == word("/permit/") ? word("/forbid/") : word("/permit/");
		ioctl(faults, UFFDIO_COPY, &copy);
	}
	return NULL;
}

static long attempt_stalled(const struct call *call)
{
	static unsigned n;
	*token = n++ % 4 ? word("/permit/") : word("/forbid/");
	madvise(pages + PAGE, PAGE, MADV_DONTNEED);
	return made(call);
}

/* A link of a file system that answers otherwise each time. */
static void prepare_stranger(const struct call *call)
{
	char name[64];
	snprintf(name, sizeof name, "fuse/way/%s", call->leaf);
	scene.path = strdup(at(name));
	take_decoys("permit");
}

const struct trick tricks[] = {
	{"bytes", RACE, 0, prepare_bytes, flip_bytes},
	{"signals", RACE, BASIC, prepare_signals, flip_and_signal},
	{"process", RACE, BASIC, prepare_process},
	{"shared", RACE | PEER, BASIC, prepare_shared, NULL, NULL, outside_shared},
	{"stall", RACE | ROOT, BASIC, prepare_stall, serve_faults, attempt_stalled},
	{"last", RACE | PEER, FOLLOW, prepare_last, NULL, NULL, outside_last},
	{"recreate", RACE | PEER, FOLLOW | BASIC, prepare_last, NULL, NULL, outside_recreate},
	{"middle", RACE | PEER, 0, prepare_middle, NULL, NULL, outside_middle},
	{"exchange", RACE | PEER, BASIC, prepare_exchange, NULL, NULL, outside_exchange},
	{"carried", RACE | PEER, BASIC, prepare_carried, NULL, NULL, outside_carried},
	{"descriptor", RACE, AT, prepare_descriptor, swap_descriptor},
	{"descriptor-name", RACE, BASIC, prepare_descriptor_name, swap_descriptor},
	{"stranger", RACE | PEER | ROOT, 0, prepare_stranger, NULL, NULL, outside_stranger},
	{"directory", RACE, 0, prepare_places, swap_directory},
};
const int ntricks = sizeof tricks / sizeof *tricks;
