package unotify

import (
	"errors"
	"fmt"
)

// State is the answer to "does it work here?".
type State uint8

// States of a Feature.
const (
	Unknown State = iota // could not be found out; Detail says why
	No
	Yes
)

// String is "unknown", "no" or "yes".
func (s State) String() string {
	names := [...]string{"unknown", "no", "yes"}
	if int(s) >= len(names) {
		return fmt.Sprintf("state(%d)", uint8(s))
	}
	return names[s]
}

// MarshalText gives String.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Names of features, in the order of Features.List.
const (
	FeatureListener       = "listener"
	FeatureContinue       = "continue"
	FeatureIDValid        = "id-valid"
	FeatureWaitKillable   = "wait-killable"
	FeatureSyncWakeUp     = "sync-wake-up"
	FeatureAddFD          = "addfd"
	FeatureAddFDExact     = "addfd-setfd"
	FeatureAddFDSend      = "addfd-send"
	FeatureReceiveEnd     = "receive-end"
	FeatureNotifSizes     = "notif-sizes"
	FeatureTSYNCESRCH     = "tsync-esrch"
	FeatureLog            = "filter-log"
	FeatureSpecAllow      = "filter-spec-allow"
	FeatureNoNewPrivs     = "no-new-privs"
	FeaturePidfdThread    = "pidfd-thread"
	FeaturePidfdGetfd     = "pidfd-getfd"
	FeatureReadMemory     = "process-vm-readv"
	FeatureWriteMemory    = "process-vm-writev"
	FeatureProcMem        = "proc-mem"
	FeaturePtraceScope    = "ptrace-scope"
	FeatureLandlock       = "landlock"
	FeatureUserNamespaces = "user-namespaces"
	FeatureI386           = "i386-calls"
	FeatureRoot           = "root"
	FeatureCapabilities   = "capabilities"
)

// A Feature is one thing that a kernel, or what surrounds the supervisor, may lack.
type Feature struct {
	Name    string
	State   State
	Detail  string // what was seen: a number, a list, the kernel's error
	Err     error  `json:"-"` // the error that decided it, or nil
	Meaning string // what it is for
	Remedy  string // what to do about a No; "" for Yes
}

// Features is what Probe found out.
type Features struct {
	Kernel      string    // the release, for display only: nothing is concluded from it
	List        []Feature // all of them, always in the same order
	Sizes       Sizes     // of the notification structs, zero if unknown
	LandlockABI int       // 0: none
}

// Get is the feature of that name; State Unknown for a name that does not exist.
func (f Features) Get(name string) Feature {
	for _, feature := range f.List {
		if feature.Name == name {
			return feature
		}
	}
	return Feature{Name: name, Detail: "no such feature"}
}

// Has says whether a feature is known to work.
func (f Features) Has(name string) bool { return f.Get(name).State == Yes }

// set records an answer.
func (f *Features) set(name string, state State, detail string, err error) {
	for i := range f.List {
		if feature := &f.List[i]; feature.Name == name {
			feature.State, feature.Detail, feature.Err = state, detail, err
		}
	}
}

// decide records Yes for a nil error, else No with the error as detail. A child that is lost says nothing about the kernel.
func (f *Features) decide(name string, err error) {
	switch {
	case err == nil:
		f.set(name, Yes, "", nil)
	case errors.Is(err, errProbeChild):
		f.set(name, Unknown, err.Error(), err)
	default:
		f.set(name, No, err.Error(), err)
	}
}

// decideAll records the same answer for several features.
func (f *Features) decideAll(state State, err error, names ...string) {
	for _, name := range names {
		f.set(name, state, err.Error(), err)
	}
}

// newFeatures lists every feature as Unknown.
func newFeatures() Features {
	f := Features{List: featureTexts()}
	for i := range f.List {
		f.List[i].Detail = "not probed"
	}
	return f
}

// finish drops the remedies of what works.
func (f *Features) finish() {
	for i := range f.List {
		if feature := &f.List[i]; feature.State == Yes {
			feature.Remedy = ""
		}
	}
}

// featureTexts is every feature with its meaning and remedy. Kernel versions are those of seccomp(2), seccomp_unotify(2),
// pidfd_open(2), pidfd_getfd(2) and landlock(7).
func featureTexts() []Feature {
	const upgrade = "use Linux "
	text := func(name, meaning, remedy string) Feature {
		return Feature{Name: name, Meaning: meaning, Remedy: remedy}
	}
	return []Feature{
		text(FeatureListener, "calls can be sent to a supervisor and answered by it; nothing works without it",
			upgrade+"5.0 or later with CONFIG_SECCOMP_FILTER, and let the container's filter permit seccomp(2)"),
		text(FeatureContinue, "the kernel performs a call that the supervisor lets through", upgrade+"5.5 or later"),
		text(FeatureIDValid, "the supervisor can tell that a target is still the one that made the call", upgrade+"5.0 or later"),
		text(FeatureWaitKillable, "a signal does not interrupt a call that the supervisor has taken, so nothing is performed twice",
			upgrade+"5.19 or later; before, restarted calls are recognised and answered from the first result"),
		text(FeatureSyncWakeUp, "supervisor and target change places on one CPU: a third of the cost per call",
			upgrade+"6.6 or later; it costs time only"),
		text(FeatureAddFD, "the supervisor can open files in the target's stead", upgrade+"5.9 or later"),
		text(FeatureAddFDExact, "an injected descriptor can have a number of the supervisor's choice", upgrade+"5.9 or later"),
		text(FeatureAddFDSend, "injecting a descriptor and answering the call are one step, so no descriptor can be left over",
			upgrade+"5.14 or later"),
		text(FeatureReceiveEnd, "a supervisor that waits is woken when the last target has ended",
			upgrade+"6.11 or later; before, a second thread watches for the hang-up"),
		text(FeatureNotifSizes, "the kernel tells how large its notifications are", upgrade+"5.0 or later"),
		text(FeatureTSYNCESRCH, "one filter with a listener can be given to all threads of a process", upgrade+"5.7 or later"),
		text(FeatureLog, "the kernel logs what a filter refuses", upgrade+"4.14 or later"),
		text(FeatureSpecAllow, "a filter need not slow the target down by a speculation mitigation", upgrade+"4.17 or later"),
		text(FeatureNoNewPrivs, "a filter can be installed without privilege", upgrade+"3.5 or later"),
		text(FeaturePidfdThread, "threads, not only processes, are told apart from later ones of the same number",
			upgrade+"6.9 or later; before, directories in /proc are used, which takes longer"),
		text(FeaturePidfdGetfd, "the supervisor can use a target's descriptors",
			upgrade+"5.6 or later, with the right to trace the target (CAP_SYS_PTRACE, or the same user and ptrace_scope 0 or 1)"),
		text(FeatureReadMemory, "arguments in the target's memory can be read",
			"give the supervisor the right to trace the target, or let its filter permit process_vm_readv(2); /proc/TID/mem is used meanwhile"),
		text(FeatureWriteMemory, "results can be written to the target's memory",
			"give the supervisor the right to trace the target, or let its filter permit process_vm_writev(2); /proc/TID/mem is used meanwhile"),
		text(FeatureProcMem, "the target's memory can be reached where the calls for it are not permitted",
			"mount /proc for the supervisor's own pid namespace, without hidepid"),
		text(FeaturePtraceScope, "Yama lets the supervisor reach into targets that it started",
			"set kernel.yama.ptrace_scope to 0 or 1, or give the supervisor CAP_SYS_PTRACE (not enough for 3)"),
		text(FeatureLandlock, "file hierarchies, ports and scopes are enforced by the kernel, without a round trip",
			upgrade+"5.13 or later with landlock among the security modules (lsm= on the kernel's command line); "+
				"without, policies with files:, exec: or ports are refused, or with --best-effort not enforced"),
		text(FeatureUserNamespaces, "containers without root can be made",
			"allow them: user.max_user_namespaces, kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns"),
		text(FeatureI386, "32-bit programs run, and 64-bit ones can make 32-bit calls: policies have to speak about that ABI",
			"none needed: targets cannot make such calls either"),
		text(FeatureRoot, "the supervisor is root in its user namespace: it can do for targets what only root may do",
			"none needed to audit or restrict one's own programs; run as root to perform mounts and the like"),
		text(FeatureCapabilities, "the capabilities that performing calls in the target's stead takes",
			"add those that are missing to the supervisor's capabilities, as far as the policy performs calls that need them"),
	}
}
