/* Sixty-four threads, four hundred calls each, and every answer is the right one. */
#include "faults.h"

#define THREADS 64
#define CALLS 400

static void *work(void *arg)
{
	long id = (long)arg, right = 0;
	char mine[32], other[32];

	snprintf(mine, sizeof mine, "dir.%ld", id);
	snprintf(other, sizeof other, "none.%ld", id);
	for (int i = 0; i < CALLS / 4; i++) {
		right += mkdir(mine, 0755) == 0;
		right += mkdir(mine, 0755) == -1 && errno == EEXIST;
		right += access(other, F_OK) == -1 && errno == ENOENT;
		right += rmdir(mine) == 0;
	}
	return (void *)right;
}

int main(void)
{
	pthread_t t[THREADS];
	long total = 0;
	void *right;

	for (long i = 0; i < THREADS; i++)
		must("pthread_create", -pthread_create(&t[i], 0, work, (void *)i));
	for (int i = 0; i < THREADS; i++) {
		pthread_join(t[i], &right);
		total += (long)right;
	}
	printf("%ld\n", total);
	return 0;
}
