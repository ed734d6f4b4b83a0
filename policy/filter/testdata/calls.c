// Reads a filter and calls from standard input, installs the one, makes the others and writes what they returned:
// a 32-bit count and the instructions; a 32-bit count and per call whether it is i386's, the number and six arguments.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

struct call {
	uint32_t i386;
	int32_t nr;
	uint64_t args[6];
};

static void get(void *to, size_t n)
{
	for (size_t done = 0; done < n;) {
		ssize_t r = read(0, (char *)to + done, n - done);
		if (r <= 0)
			_exit(2);
		done += r;
	}
}

static int64_t native(const struct call *c)
{
	register uint64_t r10 __asm__("r10") = c->args[3], r8 __asm__("r8") = c->args[4], r9 __asm__("r9") = c->args[5];
	int64_t ret = c->nr;
	__asm__ volatile("syscall" : "+a"(ret) : "D"(c->args[0]), "S"(c->args[1]), "d"(c->args[2]), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

// int 0x80 takes the lower halves, and may be used by 64-bit programs too (arch/x86/entry).
static int64_t compat(const struct call *c)
{
	int64_t ret = c->nr;
	__asm__ volatile("push %%rbp\n\tpush %%rbx\n\tmov %7, %%rbp\n\tmov %2, %%rbx\n\tint $0x80\n\tpop %%rbx\n\tpop %%rbp"
			 : "=a"(ret)
			 : "0"(ret), "r"(c->args[0]), "c"(c->args[1]), "d"(c->args[2]), "S"(c->args[3]), "D"(c->args[4]), "r"(c->args[5])
			 : "r8", "r9", "r10", "r11", "memory");
	return (int32_t)ret;
}

int main(void)
{
	uint32_t n;
	get(&n, sizeof n);
	struct sock_filter *ins = calloc(n, sizeof *ins);
	get(ins, n * sizeof *ins);
	struct sock_fprog prog = {.len = n, .filter = ins};
	get(&n, sizeof n);
	struct call *calls = calloc(n, sizeof *calls);
	int64_t *out = calloc(n, sizeof *out);
	get(calls, n * sizeof *calls);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog))
		return 3;
	for (uint32_t i = 0; i < n; i++)
		out[i] = calls[i].i386 ? compat(&calls[i]) : native(&calls[i]);
	for (size_t done = 0; done < n * sizeof *out;) {
		ssize_t r = write(1, (char *)out + done, n * sizeof *out - done);
		if (r <= 0)
			return 4;
		done += r;
	}
	return 0;
}
