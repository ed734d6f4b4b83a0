/* A set-user-id program: under no_new_privs it keeps its caller's identity, else it takes its owner's. */
#include "faults.h"

int main(int argc, char **argv)
{
	uid_t owner = argc > 1 ? atoi(argv[1]) : 0;
	int bound = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);

	printf("%s\n", geteuid() == (bound ? getuid() : owner) ? "as it should be" : "wrong identity");
	return 0;
}
