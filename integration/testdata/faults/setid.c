/* A set-user-id program: under no_new_privs it keeps its caller's identity, else it takes its owner's. */
#include "faults.h"

int main(int argc, char **argv)
{
	struct stat st;

	must("stat", stat(argv[0], &st));
	(void)argc;
	int bound = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
	uid_t want = bound ? getuid() : st.st_uid;
	printf("%s\n", geteuid() == want ? "as it should be" : "wrong identity");
	return 0;
}
