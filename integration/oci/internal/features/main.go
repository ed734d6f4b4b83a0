// Command features makes the calls of the container matrix and prints what came of them, for package oci's tests. It is linked statically,
// so that it runs in any root.
//
//	features run GROUP...            makes the groups' calls, in a container or in what enter has made
//	features enter ROOT COMMAND...   executes a command as the machine's root, in namespaces and a root of its own
//	features mountinfo DIR           prints what is mounted at or below a directory
package main

import (
	"fmt"
	"os"
	"runtime"
)

func main() {
	runtime.LockOSThread()
	if len(os.Args) < 2 {
		fatal("usage", fmt.Errorf("features run|enter|mountinfo"))
	}
	switch os.Args[1] {
	case "mountinfo":
		for _, line := range mountsBelow(os.Args[2]) {
			fmt.Println(line)
		}
	case "run":
		run(os.Args[2:])
	case "enter":
		os.Exit(enter(os.Args[2:]))
	case insideCommand:
		inside(os.Args[2:])
	}
}

// work is where everything happens: a tmpfs of the container's own.
const work = "/media"

// A group of calls has a directory of its own, so that what fails in one changes nothing in the others.
type group struct {
	name string
	do   func(r *report)
}

func groups() []group {
	return []group{
		{"types", types}, {"mounts", mounts}, {"propagation", propagation}, {"unmounts", unmounts}, {"overlay", overlay}, {"useroverlay", userOverlay},
		{"api", api}, {"setattr", attributes}, {"odd", odd}, {"nodes", nodes}, {"xattr", xattrs}, {"system", system},
		{"granted", granted}, {"images", images},
	}
}

func run(names []string) {
	r := newReport()
	r.err("work", mountWork())
	for _, g := range groups() {
		for _, name := range names {
			if name == g.name {
				r.enter(g.name)
				g.do(r)
			}
		}
	}
}

func fatal(what string, err error) {
	fmt.Fprintf(os.Stderr, "features: %s: %v\n", what, err)
	os.Exit(1)
}

// must is for what has to go well before anything can be seen.
func must(what string, err error) {
	if err != nil {
		fatal(what, err)
	}
}
