// Package unotify is the kernel's seccomp user-notification interface as a library: listeners, notifications, replies,
// descriptor injection, and handles on the thread whose call is pending. It knows no call names and no policy.
//
// # The way of a notification
//
// A filter answers a call with SECCOMP_RET_USER_NOTIF. The calling thread (the target) sleeps; the supervisor takes the
// notification from the listener with [Receiver.Receive], looks at the target through handles that count only while
// [Listener.Valid] says so, and ends the call with [Listener.Respond] or [Listener.AddFD]. See seccomp_unotify(2).
//
// # Error handling
//
// Every error of a kernel operation is an [*OpError] that holds the operation, the notification id and the kernel's own
// errno, so that errors.Is(err, unix.EBADF) works. A notification that is no longer there (the target died, or a signal
// ended its call) is [ErrGone]: normal, to be counted and forgotten. The end of all targets is [ErrHangup].
//
// # Interrupts
//
// A signal whose handler lacks SA_RESTART ends a notified call that no supervisor has received yet with EINTR, on every
// kernel; with WAIT_KILLABLE_RECV (Linux 5.19) a call is safe from then on. Go programs interrupt their own threads with
// SIGURG all the time: install filters with FlagWaitKillableRecv wherever the kernel has it.
//
// # Threads
//
// One thread should wait on a listener. SYNC_WAKE_UP (Linux 6.6) keeps the round trip on one CPU only if it does, and
// several waiting threads cost two to three times as much per call. A [Receiver] is that thread's side of the listener.
//
// # Deadlocks
//
//  1. A supervisor must not wait for a target that waits for the supervisor: never reap a child before serving its calls.
//  2. Before Linux 6.11 a thread inside Receive is not woken when the last target ends; Receiver watches for POLLHUP
//     beside it and interrupts itself.
//  3. Reading the target's memory may block for as long as the target likes (userfaultfd, FUSE): be ready to receive on
//     another thread meanwhile.
package unotify
