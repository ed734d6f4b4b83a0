// Package repotest holds the tests on the tree itself: rules about its files that no compiler checks.
//
// Each rule comes with a sample that breaks it, so that a rule that has stopped finding anything fails too.
package repotest
