// Package fakeroot answers programs as if root ran them: package managers and builds that set owners, modes and ids which nothing but
// an archive will ever hold.
//
// Nothing is granted. A file call that is left to do is performed with the program's own rights (package perform); what those do not
// reach is written down here and told to whoever asks later. There are two books:
//
//	crowd  who the threads are taken for: user and group ids, groups, capabilities. They begin as root's, and change by the kernel's
//	       own rules (credentials(7), capabilities(7)), so that a program that has dropped root meets EPERM where it would.
//	shelf  what files are taken for: owner, group, mode, device number, and the extended attributes that only root may set. A file of
//	       which nothing is written down belongs to root, as fakeroot(1) has it.
//
// What is not pretended: opening, executing, signalling, mounting. Those the kernel decides by what the program really is.
package fakeroot
