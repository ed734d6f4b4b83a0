// Package checks holds the steps of the conformance suite: system calls made raw, and a line of text about each.
//
// A check makes its calls in a directory of its own and prints what a program can see of them: the result, the errno, what was
// written to memory, descriptors and their flags, and the files' state. Nothing in a line depends on the run: paths are relative,
// process ids have names, times are "now" or exact. Two runs in the same environment print the same lines, whoever performed
// the calls.
package checks
