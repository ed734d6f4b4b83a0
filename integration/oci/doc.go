// Package oci is the agent that container runtimes hand their containers' seccomp listeners to.
//
// A runtime connects to the agent's socket for every process that it puts under a filter with SCMP_ACT_NOTIFY, and sends one state
// with the listener's descriptor (runtime specification, config-linux.md, "Seccomp", and ContainerProcessState). LXC's monitor keeps
// the listener and sends every notification instead. Either way the agent makes an emulate.Server for it, with the policy that the
// container asks for, and lets go of everything when the last task under the filter has ended.
//
//	runtime -> state and listener -> container -> server (its own threads) -> decider -> the policy's present version
//
// A container that cannot be supervised as it should, because its policy is missing or broken say, is supervised nevertheless: every
// call that comes is denied, with the reason in the record, so that nothing hangs and nothing is let through. What is no proper
// state is dropped with all its descriptors; if a listener was among them, the kernel answers its targets with ENOSYS.
package oci
