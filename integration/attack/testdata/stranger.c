/* A file system whose one name is a link, and whose link leads elsewhere each time it is read. Protocol: include/uapi/linux/fuse.h. */
#include "attack.h"
#include <linux/fuse.h>
#include <sys/mount.h>

static const char *const ways[] = {"../permit", "../forbid"};

static void answer(int fd, uint64_t unique, int error, const void *body, size_t size)
{
	char reply[512];
	struct fuse_out_header head = {sizeof head + size, error, unique};
	memcpy(reply, &head, sizeof head);
	if (size)
		memcpy(reply + sizeof head, body, size);
	if (write(fd, reply, head.len) < 0 && errno != ENOENT && errno != EINTR)
		die("answer the kernel");
}

static struct fuse_attr attributes(uint64_t node)
{
	struct fuse_attr a = {.ino = node, .nlink = 1, .blksize = 4096};
	a.mode = node == FUSE_ROOT_ID ? S_IFDIR | 0755 : S_IFLNK | 0777;
	a.size = node == FUSE_ROOT_ID ? 0 : strlen(ways[0]);
	return a;
}

static void introduce(int fd, const struct fuse_in_header *in)
{
	struct fuse_init_out out = {.major = FUSE_KERNEL_VERSION, .minor = 31, .max_write = 4096};
	answer(fd, in->unique, 0, &out, sizeof out);
}

static void look_up(int fd, const struct fuse_in_header *in)
{
	struct fuse_entry_out out = {.nodeid = 2, .attr = attributes(2)};
	answer(fd, in->unique, 0, &out, sizeof out);
}

static void describe(int fd, const struct fuse_in_header *in)
{
	struct fuse_attr_out out = {.attr = attributes(in->nodeid)};
	answer(fd, in->unique, 0, &out, sizeof out);
}

static void lead(int fd, const struct fuse_in_header *in)
{
	static uint32_t n = 1;
	n = n * 1664525 + 1013904223; /* no rhythm: who asks twice each time would always get the same */
	const char *way = ways[n >> 31];
	answer(fd, in->unique, 0, way, strlen(way));
}

static void forget(int fd, const struct fuse_in_header *in) {}

static const struct {
	uint32_t opcode;
	void (*serve)(int fd, const struct fuse_in_header *);
} served[] = {
	{FUSE_INIT, introduce}, {FUSE_LOOKUP, look_up}, {FUSE_GETATTR, describe},
	{FUSE_READLINK, lead}, {FUSE_FORGET, forget}, {FUSE_BATCH_FORGET, forget}, {FUSE_INTERRUPT, forget},
};

static void serve(int fd, const struct fuse_in_header *in)
{
	for (unsigned i = 0; i < sizeof served / sizeof *served; i++)
		if (served[i].opcode == in->opcode) {
			served[i].serve(fd, in);
			return;
		}
	answer(fd, in->unique, -ENOSYS, NULL, 0);
}

void outside_stranger(const char *leaf)
{
	static char request[1 << 17] __attribute__((aligned(8)));
	char options[128];
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=%d,group_id=%d,allow_other", fd, getuid(), getgid());
	if (fd < 0 || mount("stranger", at("fuse"), "fuse", MS_NOSUID | MS_NODEV, options) < 0) {
		printf("unsupported: mount a FUSE file system: %s\n", strerror(errno));
		exit(5);
	}
	printf("ready\n");
	fflush(stdout);
	while (read(fd, request, sizeof request) > 0 || errno == EINTR || errno == ENOENT)
		serve(fd, (struct fuse_in_header *)request);
}
