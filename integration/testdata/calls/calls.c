/* Nearly every call once or more, with arguments that a decoder has something to say about. Most of them fail: they are
   made to be printed. Nothing here may change the machine: a call that could has an argument that the kernel refuses. */
#define _GNU_SOURCE
#include "calls.h"
#include "files.h"
#include "mounts.h"
#include "io.h"
#include "memory.h"
#include "processes.h"
#include "signals.h"
#include "times.h"
#include "ipc.h"
#include "network.h"
#include "options.h"
#include "security.h"
#include "ioctls.h"
#include "system.h"

int main(void)
{
	files();
	names();
	mounts();
	quotas();
	watches();
	transfers();
	polling();
	asynchronous();
	memory();
	identities();
	processes();
	scheduling();
	limits();
	futexes();
	signals();
	times_and_timers();
	ipc();
	queues();
	sockets();
	messages();
	options();
	internet_options();
	security();
	keys();
	bpf_commands();
	prctls();
	terminals();
	devices();
	interfaces();
	control();
	modules();
	old_calls();
	return 0;
}
