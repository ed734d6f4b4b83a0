#ifndef STEAD_CHILD_H
#define STEAD_CHILD_H

#include <linux/filter.h>
#include <stdint.h>

/*
 * One start of a program under a filter. The Go side allocates it outside the Go heap and frees it when the child no longer
 * shares our memory (running == 0): the child reads its arguments from here up to execve.
 */
struct stead_job {
	/* what to do */
	const char *path;
	char **argv;
	char **envp;
	char **shell_argv; /* [0] is executed with these where execve of path gives ENOEXEC; or NULL */
	const char *dir; /* or NULL */
	const int *fds;  /* fds[i] becomes descriptor i, -1 closes it; NULL leaves all as they are */
	int nfds;
	int flags; /* STEAD_* */
	int pgid;  /* for STEAD_SETPGID */
	int deathsig;
	int landlock; /* ruleset, -1 for none */
	unsigned int landlock_flags;
	unsigned int filter_flags;
	struct sock_fprog prog;
	const uint64_t *limits; /* the soft and the hard one of nlimits resources; the others are as they are */
	int nlimits;
	int sock; /* where the listener is sent */
	char *carrier_stack, *child_stack; /* their upper ends */

	/* what came of it; written by the other processes */
	volatile int pid;      /* of the child; with STEAD_OTHER a pidfd of it in the carrier's table */
	volatile int listener; /* number in the carrier's table, -1 before it exists */
	volatile int stage;    /* STAGE_*, of the error */
	volatile int error;    /* errno of the step that failed, or 0 */
	volatile int running;  /* 1 until the kernel clears it, when the child executes or ends */
};

enum {
	STEAD_SETPGID = 1,
	STEAD_SETSID = 2,
	STEAD_CTTY = 4,
	STEAD_NEW_PRIVS = 8,
	STEAD_OTHER = 16, /* the program is somebody else's: see the comment in child.c */
};

enum {
	STAGE_CLONE = 1,
	STAGE_FDS,
	STAGE_CHILD,
	STAGE_SESSION,
	STAGE_DIR,
	STAGE_NNP,
	STAGE_LANDLOCK,
	STAGE_LIMITS,
	STAGE_ADMIT,
	STAGE_FILTER,
	STAGE_SEND,
	STAGE_EXEC,
};

/* Starts the job; 0, or an errno with job->stage set. On success the listener waits in the socket's other end. */
int stead_start(struct stead_job *job);

/* The same, as a function that a task can be handed which shares the memory; the program is the task's child. */
long stead_start_here(void *job);

/*
 * Does the job in this process's place: no listener, and only what is this thread's is changed, but for the signals. It does not return. A
 * failure is job->error, which another thread has to look at.
 */
void stead_exec(struct stead_job *job);

/* Gives this thread and process the signals and descriptors 0 to 2 that the process was started with: for an execve of its own. */
void stead_restore_start(void);

/* Writes {signal, si_code} to fd for each of n signals caught from now on; 0 or an errno. */
int stead_catch(int fd, const int *signals, int n);

/* Gives a signal its default action again; 0 or an errno. */
int stead_default(int sig);

#endif
