/* A daemon that outlives the program that started it, and goes on making calls. */
#include "faults.h"

static void serve(void)
{
	int good = 0;

	usleep(300000);
	for (int i = 0; i < 200; i++) {
		good += mkdir("daemon-dir", 0755) == 0;
		good += rmdir("daemon-dir") == 0;
	}
	int fd = must("open", open("report.new", O_CREAT | O_WRONLY, 0644));
	dprintf(fd, "%d\n", good);
	close(fd);
	rename("report.new", "report");
}

int main(void)
{
	if (must("fork", fork()) == 0) {
		setsid();
		if (must("fork", fork()) == 0) {
			int null = open("/dev/null", O_RDWR);
			for (int fd = 0; fd < 3; fd++)
				dup2(null, fd);
			serve();
		}
		_exit(0);
	}
	wait(0);
	printf("started\n");
	return 0;
}
