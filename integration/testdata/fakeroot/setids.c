/* Random sequences of calls that change ids and capabilities, each sequence in a process of its own. What each call gives, and what the
   caller is afterwards, is printed: it has to be the same for root and for whoever is taken for root. On i386 the calls come in two widths. */
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static uint64_t state;

static uint32_t next(uint32_t below) {
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(state >> 33) % below;
}

static const uint32_t ids[] = {0, 0, 0, 1, 2, 1000, 65534, 65535, 65536, 70000, 0x7fffffff, 0xfffffffe, 0xffffffff, 0xffffffff};

static uint32_t id(void) { return ids[next(sizeof ids / sizeof *ids)]; }

struct row {
	const char *name;
	long nr;
	int args;
};

#define ROW(call, args) {#call, SYS_##call, args}

static const struct row plain[] = {
	ROW(setuid, 1), ROW(setgid, 1), ROW(setreuid, 2), ROW(setregid, 2), ROW(setresuid, 3), ROW(setresgid, 3), ROW(setfsuid, 1),
	ROW(setfsgid, 1), ROW(getuid, 0), ROW(geteuid, 0), ROW(getgid, 0), ROW(getegid, 0),
#ifdef __i386__
	ROW(setuid32, 1), ROW(setgid32, 1), ROW(setreuid32, 2), ROW(setregid32, 2), ROW(setresuid32, 3), ROW(setresgid32, 3),
	ROW(setfsuid32, 1), ROW(setfsgid32, 1), ROW(getuid32, 0), ROW(geteuid32, 0), ROW(getgid32, 0), ROW(getegid32, 0),
#endif
};

static void said(const char *name, long r) {
	printf("%s %ld %d", name, r, r == -1 ? errno : 0);
}

/* Of everything that root here may lack, nothing is shown. */
#define SHOWN (~(1u << 24))

static void caps(void) {
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct d[2];
	memset(d, 0xee, sizeof d);
	long r = syscall(SYS_capget, &h, d);
	printf(" caps %ld %x,%x %x,%x %x,%x", r, d[0].effective & SHOWN, d[1].effective, d[0].permitted & SHOWN, d[1].permitted,
		d[0].inheritable & SHOWN, d[1].inheritable);
}

static void who(void) {
	uint32_t u[3], g[3], list[70];
#ifdef __i386__
	uint16_t u16[3], g16[3], list16[70];
	syscall(SYS_getresuid, u16, u16 + 1, u16 + 2);
	syscall(SYS_getresgid, g16, g16 + 1, g16 + 2);
	long count16 = syscall(SYS_getgroups, 70, list16);
	printf(" 16: %u %u %u %u %u %u %ld", u16[0], u16[1], u16[2], g16[0], g16[1], g16[2], count16);
	for (long i = 0; i < count16; i++)
		printf(",%u", list16[i]);
	syscall(SYS_getresuid32, u, u + 1, u + 2);
	syscall(SYS_getresgid32, g, g + 1, g + 2);
	long fu = syscall(SYS_setfsuid32, -1), fg = syscall(SYS_setfsgid32, -1), count = syscall(SYS_getgroups32, 70, list);
#else
	syscall(SYS_getresuid, u, u + 1, u + 2);
	syscall(SYS_getresgid, g, g + 1, g + 2);
	long fu = syscall(SYS_setfsuid, -1), fg = syscall(SYS_setfsgid, -1), count = syscall(SYS_getgroups, 70, list);
#endif
	printf(" -> %u %u %u %ld  %u %u %u %ld  %ld", u[0], u[1], u[2], fu, g[0], g[1], g[2], fg, count);
	for (long i = 0; i < count; i++)
		printf(",%u", list[i]);
	printf(" keep %d bound %d%d ambient %d%d", prctl(PR_GET_KEEPCAPS), prctl(PR_CAPBSET_READ, 0), prctl(PR_CAPBSET_READ, 7),
		prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 0, 0, 0), prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 7, 0, 0));
	caps();
	printf("\n");
}

static void setgroups_(void) {
	static uint32_t list[70];
	static const int sizes[] = {0, 1, 2, 3, 70, -1, 65537};
	int size = sizes[next(7)];
	for (int i = 0; i < 70; i++)
		list[i] = i < 40 ? id() : (uint32_t)i;
	if (next(3))
		for (int i = 0; i < 70; i++)
			if (list[i] == 0xffffffff || (list[i] & 0xffff) == 0xffff)
				list[i] = 7;
	void *at = next(8) ? list : (void *)8;
	long nr = SYS_setgroups;
#ifdef __i386__
	if (next(2))
		nr = SYS_setgroups32;
	else
		for (int i = 0; i < 70; i++)
			((uint16_t *)list)[i] = (uint16_t)list[i];
#endif
	printf("(%d %s) ", size, at == list ? "list" : "bad");
	said("setgroups", syscall(nr, size, at));
}

static void getgroups_(void) {
	uint32_t list[70];
	static const int sizes[] = {0, 1, 70, -1};
	int size = sizes[next(4)];
	said("getgroups", syscall(SYS_getgroups, size, next(4) ? list : (void *)8));
}

static void getres_(void) {
	uint32_t v[3] = {9, 9, 9};
	int bad = next(4);
	said("getresuid", syscall(SYS_getresuid, bad == 0 ? (void *)8 : v, bad == 1 ? (void *)8 : v + 1, bad == 2 ? (void *)8 : v + 2));
	printf(" %u %u %u", v[0], v[1], v[2]);
}

static uint32_t some(void) {
	static const uint32_t sets[] = {0, 1, 1 << 6, 1 << 7, 3 << 6, 7 << 6, 1 << 8, 0x1ff, 0xfeffffff};
	return sets[next(9)];
}

static void capset_(void) {
	static const uint32_t versions[] = {_LINUX_CAPABILITY_VERSION_3, _LINUX_CAPABILITY_VERSION_3, _LINUX_CAPABILITY_VERSION_2,
		_LINUX_CAPABILITY_VERSION_1, 0, 0x12345678};
	struct __user_cap_header_struct h = {versions[next(6)], next(4) ? 0 : next(2) ? (int)syscall(SYS_gettid) : 1};
	struct __user_cap_data_struct d[2] = {{some(), some(), some()}, {0, 0, 0}};
	if (next(2))
		d[0].effective &= d[0].permitted;
	said("capset", syscall(SYS_capset, next(10) ? &h : (void *)8, next(10) ? d : (void *)8));
	printf(" %x", h.version);
}

static void capget_(void) {
	static const uint32_t versions[] = {_LINUX_CAPABILITY_VERSION_2, _LINUX_CAPABILITY_VERSION_1, 0};
	struct __user_cap_header_struct h = {versions[next(3)], next(3) ? 0 : next(2) ? -1 : 0x3fffffff};
	struct __user_cap_data_struct d[2] = {{1, 2, 3}, {4, 5, 6}};
	int where = next(4);
	said("capget", syscall(SYS_capget, &h, where == 0 ? NULL : where == 1 ? (void *)8 : d));
	printf(" %x %x %x", h.version, d[0].permitted & SHOWN, d[1].permitted);
}

static void prctl_(void) {
	static const int caps[] = {0, 7, 40, 41, 64, -1};
	int cap = caps[next(6)];
	switch (next(4)) {
	case 0:
		said("keepcaps", prctl(PR_SET_KEEPCAPS, next(3), 0, 0, 0));
		break;
	case 1:
		said("bset read", prctl(PR_CAPBSET_READ, cap, 0, 0, 0));
		break;
	case 2:
		said("bset drop", next(3) ? prctl(PR_CAPBSET_READ, cap, 0, 0, 0) : prctl(PR_CAPBSET_DROP, cap, 0, 0, 0));
		break;
	default:
		said("ambient", prctl(PR_CAP_AMBIENT, next(6), next(3) ? cap : 0, !next(6), 0));
	}
}

static void step(void) {
	static void (*const others[])(void) = {setgroups_, getgroups_, getres_, capset_, capget_, prctl_};
	if (next(3) == 0) {
		others[next(6)]();
	} else {
		const struct row *r = plain + next(sizeof plain / sizeof *plain);
		uint32_t a = id(), b = id(), c = id();
		printf("%s(%x %x %x) ", r->name, a, b, c);
		long v = syscall(r->nr, a, b, c);
		printf("%ld %d", v, v == -1 ? errno : 0);
	}
	who();
}

int main(int argc, char **argv) {
	int sequences = atoi(argv[1]), steps = atoi(argv[2]);
	for (int i = 0; i < sequences; i++) {
		fflush(stdout);
		pid_t pid = fork();
		if (pid == 0) {
			state = 88172645463325252u + i;
			printf("sequence %d\n", i);
			for (int j = 0; j < steps; j++)
				step();
			fflush(stdout);
			_exit(0);
		}
		int status;
		if (waitpid(pid, &status, 0) < 0 || status != 0)
			return 1;
	}
	return 0;
}
