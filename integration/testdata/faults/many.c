/* many CALLS: sixty-four threads make CALLS notified calls each; every answer is the right one. */
#include "faults.h"
#include <sys/syscall.h>

#define THREADS 64

static long calls;

static void *work(void *arg)
{
	long right = 0, self = getpid();

	(void)arg;
	for (long i = 0; i < calls; i++)
		right += syscall(SYS_getpgid, 0) == syscall(SYS_getpgid, self);
	return (void *)right;
}

int main(int argc, char **argv)
{
	pthread_t t[THREADS];
	long total = 0;
	void *right;

	calls = argc > 1 ? atol(argv[1]) / 2 : 0;
	for (long i = 0; i < THREADS; i++)
		must("pthread_create", -pthread_create(&t[i], 0, work, 0));
	for (int i = 0; i < THREADS; i++) {
		pthread_join(t[i], &right);
		total += (long)right;
	}
	printf("%ld\n", 2 * total);
	return 0;
}
