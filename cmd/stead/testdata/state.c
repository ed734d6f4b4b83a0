/* Prints what a program inherits, one thing per line, without what differs between any two runs. */
#define _GNU_SOURCE
#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static void status(void)
{
	static const char *const keys[] = {"Umask", "Uid", "Gid", "Groups", "SigBlk", "SigIgn", "SigCgt", "CapInh", "CapPrm", "CapEff",
					   "CapBnd", "CapAmb", "Threads", "Cpus_allowed", "THP_enabled", "SigPnd", "ShdPnd"};
	char line[512];
	FILE *f = fopen("/proc/self/status", "r");
	while (fgets(line, sizeof line, f))
		for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
			if (strncmp(line, keys[i], strlen(keys[i])) == 0 && line[strlen(keys[i])] == ':')
				fputs(line, stdout);
	fclose(f);
}

static void file(const char *name)
{
	char line[256] = "";
	FILE *f = fopen(name, "r");
	if (f) {
		if (fgets(line, sizeof line, f))
			printf("%s: %s", name, line);
		fclose(f);
	}
}

static int by_number(const struct dirent **a, const struct dirent **b)
{
	return atoi((*a)->d_name) - atoi((*b)->d_name);
}

static void descriptors(void)
{
	struct dirent **list;
	int n = scandir("/proc/self/fd", &list, NULL, by_number);
	for (int i = 0; i < n; i++) {
		char path[300], target[300];
		if (list[i]->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "/proc/self/fd/%s", list[i]->d_name);
		ssize_t len = readlink(path, target, sizeof target - 1);
		if (len < 0)
			continue; /* scandir's own */
		target[len] = 0;
		char *number = strchr(target, '['); /* pipe:[123] */
		if (number)
			*number = 0;
		printf("fd %s: %s\n", list[i]->d_name, target);
	}
}

static void limits(void)
{
	for (int i = 0; i < RLIM_NLIMITS; i++) {
		struct rlimit r;
		if (getrlimit(i, &r) == 0)
			printf("limit %d: %lld %lld\n", i, (long long)r.rlim_cur, (long long)r.rlim_max);
	}
}

int main(int argc, char **argv)
{
	char cwd[4096];
	for (int i = 0; i < argc; i++)
		printf("argument: %s\n", argv[i]);
	printf("directory: %s\n", getcwd(cwd, sizeof cwd));
	status();
	descriptors();
	limits();
	/* Where the caller is the leader of its session or group, the supervisor is it in the program's place. */
	printf("group: %s, session: %s\n", argc > 1 ? (getpgrp() == atoi(argv[1]) ? "caller's" : "other") : "",
	       argc > 1 ? (getsid(0) == atoi(argv[2]) ? "caller's" : "other") : "");
	printf("terminal: %d, foreground: %d\n", isatty(0), tcgetpgrp(0) == getpgrp());
	printf("nice: %d\n", getpriority(PRIO_PROCESS, 0));
	printf("scheduler: %d, io: %ld\n", sched_getscheduler(0), syscall(SYS_ioprio_get, 1, 0));
	printf("personality: %#x\n", personality(0xffffffff));
	int deathsig = -1;
	prctl(PR_GET_PDEATHSIG, &deathsig);
	printf("death signal: %d, dumpable: %d, keep caps: %d, slack: %d, subreaper: ", deathsig, prctl(PR_GET_DUMPABLE), prctl(PR_GET_KEEPCAPS),
	       prctl(PR_GET_TIMERSLACK));
	int reaper = -1;
	prctl(PR_GET_CHILD_SUBREAPER, &reaper);
	printf("%d, securebits: %d\n", reaper, prctl(PR_GET_SECUREBITS));
	file("/proc/self/oom_score_adj");
	file("/proc/self/coredump_filter");
	file("/proc/self/cgroup");
	return 0;
}
