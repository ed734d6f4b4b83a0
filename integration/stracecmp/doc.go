// Package stracecmp compares what strace and stead say about two runs of one program.
//
// The two tools cannot agree to the letter. strace prints a call when it has returned, with what the kernel wrote;
// a seccomp-notify tracer sees it before it runs. So the comparison goes in four steps:
//
//   - parse: join strace's unfinished and resumed lines, drop signals, exits and results ([ParseStrace], [ParseStead]);
//   - normalise: mask addresses, process ids, out parameters, and what the scenario declares ([Options]);
//   - pair: find the thread of one run that did what a thread of the other did;
//   - align: the longest common subsequence of each pair, or, for programs that are not deterministic, the multiset
//     of all lines ([Compare]).
//
// The table of out parameters is written from the manual pages and not taken from package arch: a mistake there should
// show here as a difference.
package stracecmp
