#ifndef STEAD_STANDIN_H
#define STEAD_STANDIN_H

#include <stdint.h>

/* The mailbox of one stand-in task, in memory that it shares with the supervisor. */
struct stead_standin {
	uint32_t state; /* STANDIN_*; the futex of both sides, and cleared by the kernel when the task ends */
	int32_t parent; /* the supervisor's process id */
	int32_t watch;  /* look whether it is still there, once a second when idle */
	int32_t notify; /* wait for calls in a notification of listener, not on the futex */
	int32_t listener;
	long nr;
	long arg[6];
	long ret; /* -errno on failure */
};

/* In the place of a call's number: run the function arg[0] on arg[1]. */
#define STANDIN_RUN (-1)

/* The kernel's notification must fit into what the supervisor keeps for it. */
#define STANDIN_NOTIFICATION_MAX 256

enum {
	STANDIN_GONE = 0, /* CLONE_CHILD_CLEARTID writes this */
	STANDIN_IDLE = 1, /* the result of the call before, if any, is in ret */
	STANDIN_CALL = 2, /* the task is to make the call, or makes it */
	STANDIN_QUIT = 3, /* the task is to end */
};

/* A call that a child of the task makes; the child has no other thing to do. */
struct stead_child_call {
	long nr;
	long arg[6];
	long ret; /* -errno on failure; STANDIN_UNMADE if the child has not come to it */
	char *stack_top;
};

#define STANDIN_UNMADE (-4096)

/* For STANDIN_RUN: has a child make the call. 0, or -errno if there is no child. */
long stead_standin_in_child(void *child_call);

/* Clones a task that serves the mailbox, on the stack that ends at stack_top; its process id, or -errno. */
long stead_standin_start(struct stead_standin *box, char *stack_top);

#endif
