/* What the files of the attacking program share. The tree that it attacks is described in tree_test.go. */
#ifndef ATTACK_H
#define ATTACK_H

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* WON is the outcome of an attempt that reached what is forbidden; others are 0 and negative errno values. */
#define WON 1

/* Descriptors that are inherited. They are O_PATH: they show what was changed, without a call that the policy is about. */
enum { FORBIDDEN_DIR = 3, SECRET, EMPTY, LINK, WITNESSES = 4 };

/* What a call is like. */
enum {
	AT = 1,      /* takes a directory descriptor */
	FOLLOW = 2,  /* follows a symbolic link in the last component */
	BASIC = 4,   /* stands for its like where an attack is dear */
	CREATES = 8, /* makes the name: undone by removing it */
	REMOVES = 16, /* removes the name: undone by making it */
	HOLE = 32,   /* ENOENT is what the permitted twin gives */
	HANDLE = 64, /* gives a descriptor that can only be looked at (O_PATH) */
};

struct call {
	const char *name;
	const char *leaf; /* the name that it is about, in the forbidden and in the permitted directory */
	unsigned like;
	long (*make)(int dirfd, const char *path);
};

/* What a trick is like. */
enum {
	RACE = 1,  /* has to succeed where what was judged is not what is used */
	TRICK = 2, /* no race: has to succeed where nothing is judged */
	PEER = 4,  /* needs the program a second time, outside */
	ROOT = 8,  /* needs privilege */
};

struct trick {
	const char *name;
	unsigned like;
	unsigned wants; /* of a call */
	void (*prepare)(const struct call *);
	void *(*peer)(void *); /* runs in a thread of its own */
	long (*attempt)(const struct call *);
	void (*outside)(const char *leaf); /* runs in a process of its own, not supervised */
};

/* The scene of an attack: what the call is made with. */
struct scene {
	int dirfd;
	char *path;
	int decoys; /* the permitted twin of the forbidden directory, to undo what was allowed */
};

extern struct scene scene;
extern char root[];
extern pid_t supervisor;
extern int refused;        /* what an attack needs first has been denied to it */
extern const char *winner; /* which call, where an attack makes several */

extern const struct call calls[];
extern const int ncalls;
extern const struct trick tricks[], specials[];
extern const int ntricks, nspecials;

char *at(const char *name);
void die(const char *what);
int look(int fd, struct stat *st);
int changed(void);
int is_secret(int fd);
long outcome(long r);
long opened(long fd);
long made(const struct call *);
void take_decoys(const char *name);
int is_descriptor_of(int fd, int witness);
void outside_stranger(const char *leaf);

#endif
