// Package conformance compares what file-system calls do under `stead run --preset perform` with what they do without Stead:
// results, errnos, memory written, descriptors, and the files that are there afterwards.
//
// The calls are made by a probe (internal/probe), built by the suite for each ABI and run twice in directories that are alike.
// It makes all checks in one run and prints a line about each call. The two outputs must be the same; a difference that is meant
// is in the table that Accepted returns. All has an entry for each check; an Env is a surrounding in which they are made: who the
// caller is, in which namespaces and below which root. The probe runs when the first check of an Env is asked for.
package conformance
