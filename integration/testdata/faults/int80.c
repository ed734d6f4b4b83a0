/* The 32-bit gate from a 64-bit program: numbers of i386, arguments in the low halves of the registers. */
#include "faults.h"

static long gate(long number, long a, long b, long c)
{
	long result;
	__asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory", "r8", "r9", "r10", "r11");
	return (int)result;
}

static void show(const char *what, long result)
{
	printf("%s: %s\n", what, result < 0 ? strerrorname_np(-result) : "ok");
}

int main(void)
{
	char *low = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	must("mmap", low == MAP_FAILED ? -1 : 0);
	strcpy(low, "made-by-int80");
	long path = (long)low;
	printf("getpid %d\n", gate(20, 0, 0, 0) == getpid());
	show("mkdir", gate(39, path, 0755, 0));
	show("mkdir again", gate(39, path, 0755, 0));
	show("stat by the 64-bit gate", access("made-by-int80", F_OK) < 0 ? -errno : 0);
	show("open", gate(5, path, O_RDONLY | O_DIRECTORY, 0));
	show("rmdir", gate(40, path, 0, 0));
	show("rmdir again", gate(40, path, 0, 0));
	show("open unmapped", gate(5, 16, O_RDONLY, 0));
	show("no such number", gate(9999, 0, 0, 0));
	return 0;
}
