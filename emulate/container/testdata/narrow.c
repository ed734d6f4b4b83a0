// A 32-bit program that makes the calls whose structures differ there, and says what came of them: a line for each, "step: result".
#include <errno.h>
#include <linux/bpf.h>
#include <linux/quota.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/timex.h>
#include <unistd.h>

enum { nr_stime = 25, nr_settimeofday = 79, nr_sysinfo = 116, nr_adjtimex = 124, nr_quotactl = 131, nr_clock_settime = 264,
       nr_clock_adjtime = 343, nr_bpf = 357, nr_clock_settime64 = 404, nr_clock_adjtime64 = 405, nr_quotactl_fd = 443 };

static long say(const char *step, long r)
{
	printf("%s: %s\n", step, r < 0 ? strerror(errno) : "ok");
	return r;
}

struct timex64 {
	uint32_t modes, pad0;
	int64_t offset, freq, maxerror, esterror;
	int32_t status, pad1;
	int64_t constant, precision, tolerance, sec, usec, tick, ppsfreq, jitter;
	int32_t shift, pad2;
	int64_t stabil, jitcnt, calcnt, errcnt, stbcnt;
	int32_t tai, pad3[11];
};

static void clocks(void)
{
	int32_t pair[2] = {1, 1000000000}, before[2] = {-1, 0}, usec[2] = {1, 1000001};
	int64_t pair64[2] = {1, 1000000000}, upper[2] = {-1, (int64_t)1 << 32};
	struct timex tx = {0}, wrong = {.modes = ADJ_TICK, .tick = 1};
	struct timex64 tx64 = {0};

	say("settime", syscall(nr_clock_settime, 0, pair));
	say("settime before", syscall(nr_clock_settime, 0, before));
	say("settime bad", syscall(nr_clock_settime, 0, 8));
	say("settime null", syscall(nr_clock_settime, 0, 0));
	say("settime64", syscall(nr_clock_settime64, 0, pair64));
	say("settime64 padding", syscall(nr_clock_settime64, 0, upper));
	say("timeofday", syscall(nr_settimeofday, usec, 0));
	say("timeofday nothing", syscall(nr_settimeofday, 0, 0));
	say("timeofday bad", syscall(nr_settimeofday, 8, 0));
	say("stime", syscall(nr_stime, before));
	say("stime bad", syscall(nr_stime, 8));
	say("stime null", syscall(nr_stime, 0));
	say("adjtimex", syscall(nr_adjtimex, &tx) < 0 ? -1 : 0);
	printf("told: %d %ld %ld %ld %d %d\n", (int)sizeof tx, tx.tick, tx.freq, tx.tolerance, tx.tai, tx.time.tv_sec > 1000000000);
	tx.modes = ADJ_TICK | ADJ_FREQUENCY;
	say("adjtimex same", syscall(nr_adjtimex, &tx) < 0 ? -1 : 0);
	tx.modes = ADJ_TICK | ADJ_FREQUENCY;
	say("clock_adjtime same", syscall(nr_clock_adjtime, 0, &tx) < 0 ? -1 : 0);
	say("clock_adjtime wrong", syscall(nr_clock_adjtime, 0, &wrong));
	say("clock_adjtime of no clock", syscall(nr_clock_adjtime, 99, &tx));
	say("clock_adjtime64", syscall(nr_clock_adjtime64, 0, &tx64) < 0 ? -1 : 0);
	printf("told64: %d %lld %lld %d\n", (int)sizeof tx64, (long long)tx64.tick, (long long)tx64.freq, tx64.sec > 1000000000);
	tx64.modes = ADJ_TICK | ADJ_FREQUENCY;
	say("clock_adjtime64 same", syscall(nr_clock_adjtime64, 0, &tx64) < 0 ? -1 : 0);
	say("clock_adjtime64 bad", syscall(nr_clock_adjtime64, 0, 8));
}

static void programs(void)
{
	struct bpf_insn code[2] = {{.code = 0xb7, .imm = 1}, {.code = 0x95}};
	char log[200] = "";
	union bpf_attr a;

	memset(&a, 0, sizeof a);
	a.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	a.insn_cnt = 2;
	a.insns = (uintptr_t)code;
	a.license = (uintptr_t)"GPL";
	say("load", syscall(nr_bpf, BPF_PROG_LOAD, &a, sizeof a) < 0 ? -1 : 0);
	a.insn_cnt = 1;
	a.log_buf = (uintptr_t)log;
	a.log_level = 1;
	a.log_size = sizeof log;
	say("load half", syscall(nr_bpf, BPF_PROG_LOAD, &a, sizeof a));
	printf("log begins: %.30s\n", strchr(log, ')') ? strchr(log, ')') : "with nothing");
	a.insns = (uint64_t)1 << 40;
	say("load from nowhere", syscall(nr_bpf, BPF_PROG_LOAD, &a, sizeof a));
}

static void quotas(void)
{
	char room[256];

	say("quota of null", syscall(nr_quotactl, QCMD(Q_GETQUOTA, USRQUOTA), 0, 0, room));
	say("quota of a directory", syscall(nr_quotactl, QCMD(Q_GETQUOTA, USRQUOTA), "/media", 0, room));
	say("quota by descriptor", syscall(nr_quotactl_fd, 999, QCMD(Q_GETQUOTA, USRQUOTA), 0, room));
	say("sync", syscall(nr_quotactl, QCMD(Q_SYNC, USRQUOTA), 0, 0, 0));
}

int main(void)
{
	struct sysinfo info = {0};

	clocks();
	programs();
	quotas();
	say("sysinfo", syscall(nr_sysinfo, &info));
	say("sysinfo bad", syscall(nr_sysinfo, 8));
	printf("sysinfo says: %d %d %d %d %d\n", (int)sizeof info, info.mem_unit >= 1, info.totalram > 0, info.freeram <= info.totalram, info.procs > 0);
	return 0;
}
