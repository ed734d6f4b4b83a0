/* Clocks and timers. Setting a clock has a time that no clock takes. */
#include <sys/timerfd.h>
#include <linux/futex.h>
#include <sys/timex.h>

static void times_and_timers(void)
{
	struct timespec wrong = {1, 1000000000}, t = {0, 1000};
	struct timeval badtv = {5, 2000000};
	struct timezone zone = {60, 1};
	struct timex x = {.modes = ADJ_OFFSET | ADJ_TICK, .offset = 5, .tick = 1};
	struct itimerspec it = {{1, 2}, {3, 4}};
	struct itimerval iv = {{0, 0}, {1000, 5}}, off = {{0, 0}, {0, 0}};
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_ptr = (void *)0x1234567};
	struct sigevent none = {.sigev_notify = SIGEV_NONE}, thread = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = 3};
	int id, fd = call(timerfd_create, CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

	thread._sigev_un._tid = 77;
	call(gettimeofday, BAD, NULL);
	call(settimeofday, &badtv, NULL);
	call(settimeofday, &badtv, &zone);
	call(adjtimex, BAD);
	call(clock_adjtime, CLOCK_BOOTTIME, &x);
	call(clock_adjtime, CLOCK_REALTIME, BAD);
	call(clock_gettime, CLOCK_MONOTONIC_RAW, BAD);
	call(clock_gettime, 99, BAD);
	call(clock_gettime, -6, BAD);
	call(clock_settime, CLOCK_REALTIME, &wrong);
	call(clock_settime, CLOCK_TAI, BAD);
	call(clock_getres, CLOCK_BOOTTIME, BAD);
	call(clock_nanosleep, CLOCK_MONOTONIC, 0, &t, NULL);
	call(clock_nanosleep, CLOCK_REALTIME, TIMER_ABSTIME, &t, NULL);
	call(clock_nanosleep, 99, 2, &wrong, NULL);
	call(nanosleep, &wrong, NULL);
	call(nanosleep, BAD, NULL);
	call(alarm, 0);
	call(getitimer, ITIMER_REAL, BAD);
	call(getitimer, 9, BAD);
	call(setitimer, ITIMER_VIRTUAL, &iv, NULL);
	call(setitimer, ITIMER_VIRTUAL, &off, NULL);
	call(setitimer, ITIMER_PROF, BAD, NULL);
	call(timer_create, CLOCK_MONOTONIC, &event, &id);
	call(timer_create, CLOCK_REALTIME, &none, &id);
	call(timer_create, CLOCK_REALTIME, &thread, &id);
	call(timer_create, CLOCK_REALTIME, NULL, BAD);
	call(timer_create, CLOCK_REALTIME, BAD, BAD);
	call(timer_settime, 99, TIMER_ABSTIME, &it, NULL);
	call(timer_settime, 99, 0, BAD, NULL);
	call(timer_gettime, 99, BAD);
	call(timer_getoverrun, 99);
	call(timer_delete, 99);
	call(timerfd_create, 99, 8);
	call(timerfd_settime, fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &it, NULL);
	call(timerfd_settime, fd, 8, BAD, NULL);
	call(timerfd_gettime, -1, BAD);
	call(times, BAD);
#ifdef SYS_utimensat_time64
	long long wide[] = {1, 2, 3, 4}, left[] = {1, 2}, omit[] = {1, UTIME_OMIT, 1, UTIME_NOW};
	call(utimensat_time64, HERE, "missing", wide, 0);
	call(utimensat_time64, HERE, "missing", omit, 0);
	call(timerfd_settime64, fd, 0, wide, NULL);
	call(timer_settime64, 99, 0, wide, NULL);
	call(clock_settime64, 99, wide);
	call(clock_getres_time64, 99, BAD);
	call(sched_rr_get_interval_time64, -1, BAD);
	call(rt_sigtimedwait_time64, BAD, NULL, wide, 8);
	call(clock_gettime64, 99, BAD);
	call(clock_adjtime64, 99, BAD);
	call(clock_nanosleep_time64, 99, TIMER_ABSTIME, wide, NULL);
	call(ppoll_time64, NULL, 0, omit, NULL, 8);
	call(pselect6_time64, -1, NULL, NULL, NULL, left, NULL);
	call(mq_timedsend_time64, -1, "text", 4, 1, wide);
	call(mq_timedreceive_time64, -1, BAD, 4, BAD, wide);
	call(recvmmsg_time64, -1, BAD, 1, 0, wide);
	call(futex_time64, BAD, FUTEX_WAIT_PRIVATE, 5, wide);
	call(io_pgetevents_time64, 5, 1, 2, BAD, wide, NULL);
	call(timer_gettime64, 99, BAD);
	call(timerfd_gettime64, -1, BAD);
#endif
}
