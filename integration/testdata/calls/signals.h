/* Signals. The kernel's struct differs from the library's. */
#ifndef SA_RESTORER
#define SA_RESTORER 0x4000000
#endif
#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1U << 31)
#endif

struct action { void *handler; unsigned long flags; void *restorer; unsigned long mask[8 / sizeof(long)]; };

static void signals(void)
{
	struct action none = {SIG_DFL}, ignore = {SIG_IGN, SA_RESTART, NULL, {2}};
	struct action some = {(void *)0x123456, SA_RESTORER | SA_SIGINFO | SA_ONSTACK | SA_NODEFER, (void *)0x7654321, {~0UL}};
	struct action odd = {(void *)0xabcdef, 0x100000 | SA_RESETHAND, NULL, {0x4006}};
	unsigned long mask[2] = {0x14006, 0}, all[2] = {~0UL, ~0UL}, most[2] = {~6UL, ~0UL};
	struct timespec t = {0, 1000};
	siginfo_t info = {.si_signo = SIGUSR1, .si_code = SI_QUEUE}, user = {.si_signo = SIGTERM, .si_code = SI_TKILL};
	stack_t stack = {.ss_sp = BAD, .ss_flags = SS_DISABLE, .ss_size = 0}, more = {BAD, SS_AUTODISARM | 8, 8192};

	info.si_pid = 77;
	info.si_uid = 88;
	info.si_value.sival_ptr = (void *)0x99;
	call(kill, 99999999, SIGTERM);
	call(kill, 99999999, 0);
	call(kill, -99999999, 100);
	call(tkill, 99999999, SIGUSR2);
	call(tgkill, 99999999, 99999999, SIGRTMIN + 3);
	call(tgkill, 99999999, -1, 32);
	call(rt_sigqueueinfo, 99999999, SIGUSR1, &info);
	call(rt_sigqueueinfo, 99999999, SIGUSR1, BAD);
	call(rt_tgsigqueueinfo, 99999999, 99999999, SIGTERM, &user);
	call(rt_sigaction, SIGUSR1, &none, NULL, 8L);
	call(rt_sigaction, SIGUSR1, &ignore, NULL, 8L);
	call(rt_sigaction, SIGUSR2, &some, NULL, 8L);
	call(rt_sigaction, SIGUSR2, &odd, BAD, 8L);
	call(rt_sigaction, SIGKILL, BAD, NULL, 8L);
	call(rt_sigaction, 99, NULL, NULL, 4L);
	call(rt_sigprocmask, SIG_BLOCK, mask, NULL, 8L);
	call(rt_sigprocmask, SIG_UNBLOCK, all, NULL, 8L);
	call(rt_sigprocmask, SIG_SETMASK, most, NULL, 8L);
	call(rt_sigprocmask, SIG_SETMASK, BAD, NULL, 8L);
	call(rt_sigprocmask, 9, mask, NULL, 8L);
	call(rt_sigprocmask, SIG_SETMASK, mask, NULL, 4L);
	mask[0] = 0;
	call(rt_sigprocmask, SIG_SETMASK, mask, NULL, 8L);
	call(rt_sigpending, BAD, 8L);
	call(rt_sigtimedwait, mask, NULL, &t, 8L);
	call(rt_sigtimedwait, BAD, NULL, NULL, 8L);
	call(sigaltstack, &stack, NULL);
	call(sigaltstack, &more, NULL);
	call(sigaltstack, BAD, BAD);
	signal(SIGUSR2, SIG_DFL);
}
