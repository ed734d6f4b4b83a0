/* Says "ready", makes a call that fails with ENOENT until it fails otherwise, and says how. */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("ready\n");
	for (;;) {
		mkdir("/proc/no/such/directory", 0700);
		if (errno != ENOENT)
			break;
		usleep(1000);
	}
	printf("%s\n", errno == ENOSYS ? "ENOSYS" : "another error");
	return 0;
}
