package unotify

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Filter flags, for [Install] and the launcher. See seccomp(2) and include/uapi/linux/seccomp.h.
const (
	// FlagTSYNC gives the filter to all threads of the process. Together with a listener it needs Linux 5.7 and
	// FlagTSYNCESRCH, because both want to answer through the return value.
	FlagTSYNC = unix.SECCOMP_FILTER_FLAG_TSYNC
	// FlagTSYNCESRCH makes a thread that cannot be synchronised ESRCH instead of its id. Linux 5.7.
	FlagTSYNCESRCH = unix.SECCOMP_FILTER_FLAG_TSYNC_ESRCH
	// FlagLog logs every action of the filter but allow. Linux 4.14.
	FlagLog = unix.SECCOMP_FILTER_FLAG_LOG
	// FlagSpecAllow leaves the speculative-store-bypass mitigation off. Linux 4.17.
	FlagSpecAllow = unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW
	// FlagNewListener returns a listener. Linux 5.0.
	FlagNewListener = unix.SECCOMP_FILTER_FLAG_NEW_LISTENER
	// FlagWaitKillableRecv lets only fatal signals end a call that has been received. Linux 5.19.
	FlagWaitKillableRecv = unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
)

// SyncWakeUp, for [Listener.SetFlags], keeps supervisor and target on one CPU where that is quicker. Linux 6.6.
const SyncWakeUp = unix.SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP

// Data is struct seccomp_data: the call as the filter saw it. Args are raw registers.
type Data struct {
	NR   int32
	Arch uint32 // AUDIT_ARCH_*
	IP   uint64
	Args [6]uint64
}

// A Notification is struct seccomp_notif: one call that waits for an answer.
type Notification struct {
	ID    uint64
	TID   uint32 // the thread, in the supervisor's pid namespace; 0 if it is not visible there
	Flags uint32
	Data  Data
}

// response is struct seccomp_notif_resp.
type response struct {
	id    uint64
	val   int64
	errno int32
	flags uint32
}

// addfd is struct seccomp_notif_addfd.
type addfd struct {
	id       uint64
	flags    uint32
	srcfd    uint32
	newfd    uint32
	newflags uint32
}

// Bytes of the structs above; a kernel may know longer ones (SECCOMP_GET_NOTIF_SIZES).
const (
	notificationSize = 80
	responseSize     = 24
	dataSize         = 64
)

// Sizes are the kernel's own sizes of the notification structs, in bytes.
type Sizes struct {
	Notification, Response, Data uint16
}

// NotifSizes asks the kernel for the sizes (seccomp(2), SECCOMP_GET_NOTIF_SIZES). Linux 5.0.
func NotifSizes() (Sizes, error) {
	var s Sizes
	if err := getNotifSizes(&s); err != nil {
		return Sizes{}, &OpError{Op: "get notification sizes", Err: err}
	}
	return s, nil
}

// checkSizes refuses a kernel whose structs are shorter than the ones used here.
func checkSizes(s Sizes) error {
	if s.Notification < notificationSize || s.Response < responseSize || s.Data < dataSize {
		return fmt.Errorf("kernel's notification structs are too short: %+v", s)
	}
	return nil
}
