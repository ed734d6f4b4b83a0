// Package integration holds the end-to-end tests: real programs under the built command.
//
// The tests find the command in the environment variable STEAD, or build it. What a test needs and the machine lacks
// (strace, git, a 32-bit compiler) makes it skip with the reason; with STEAD_REQUIRE=1, which CI sets, it fails.
package integration
