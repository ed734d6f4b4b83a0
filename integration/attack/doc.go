// Package attack holds the attack suite: hostile programs that try to reach a forbidden object while the supervisor judges paths.
//
// A program in C, testdata, makes each call that the supervisor can perform while threads and processes swap what its path means:
// the bytes, the links, the directories on the way, descriptors, the working directory. It is judged by what it attains:
//
//   - TestPerformed: where calls are performed from the supervisor's copy, no attempt may succeed.
//   - TestRaced: under the same policy with race: accepted, calls are judged and continued, and every race must be won: one that
//     cannot win proves nothing where it loses.
//   - TestUnsupervised: what is no race (spellings, the supervisor's entries in /proc, mounts) must succeed where nobody judges.
//
// An attack has succeeded if it got the forbidden content, a descriptor of it or its metadata, or if the forbidden tree is not what
// it was. The program says so itself, by descriptors that it inherits; the test compares the tree, from outside, too.
//
//	go test ./integration/attack -run Performed -timeout 0 -attack.budget 2h    longer than in CI: up to -attack.attempts of each
//	go test ./integration/attack -v -attack.only '^bytes/unlink$'               one attack, and what came of it
//
// What still succeeds although it is performed is in the function remains, with the reason.
package attack
