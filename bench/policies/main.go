// Command policy measures what a policy costs without any program under it, and prints nanoseconds.
//
//	policy compile RULES       from the text of a policy to its proved filter
//	policy decide RULES        a decision on a call that one rule of many is about
//	policy path DIRS COUNT     a decision on a path that many directories are above, by a condition with so many hierarchies
package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/policy/compiler"
	"github.com/stead-project/stead/policy/filter"
	"github.com/stead-project/stead/policy/lang"
)

func main() {
	ns, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintf(os.Stderr, "policy: %v\n", err)
		os.Exit(1)
	}
	fmt.Printf("%.1f\n", ns)
}

func run(args []string) (float64, error) {
	numbers := [2]int{}
	for i := 1; i < len(args) && i < 3; i++ {
		n, err := strconv.Atoi(args[i])
		if err != nil || n < 1 {
			return 0, fmt.Errorf("%q is no positive number", args[i])
		}
		numbers[i-1] = n
	}
	switch {
	case len(args) == 2 && args[0] == "compile":
		return compile(numbers[0])
	case len(args) == 2 && args[0] == "decide":
		return decide(rules(numbers[0]), "getpriority", "")
	case len(args) == 3 && args[0] == "path":
		return decide(hierarchies(numbers[1]), "openat", strings.Repeat("/directory", numbers[0])+"/file")
	}
	return 0, fmt.Errorf("usage: policy compile RULES | decide RULES | path DIRS COUNT")
}

// rules is a policy of one rule on getpriority and n on other calls, each about another number.
func rules(n int) string {
	others := []string{"fcntl, fd", "lseek, whence", "prctl, op", "socket, protocol", "ioctl, op", "kill, sig", "dup2, newfd",
		"setsockopt, level", "shmget, size", "mlock, size", "personality, persona", "sched_setscheduler, policy", "umask, mask"}
	var b strings.Builder
	b.WriteString("version: 1\nname: bench\ndefault: allow\nrules:\n  - {calls: [getpriority], when: which == 2, then: log}\n")
	for i := range n {
		call, param, _ := strings.Cut(others[i%len(others)], ", ")
		fmt.Fprintf(&b, "  - {calls: [%s], when: %s == %d, then: {deny: ENOENT}}\n", call, param, 100+i)
	}
	return b.String()
}

// hierarchies is a policy with one condition over n of them. Their names are short, since a condition has 8192 bytes at most.
func hierarchies(n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = `"/` + strconv.FormatInt(int64(100+i), 36) + `"`
	}
	return "version: 1\nname: bench\ndefault: deny\nrules:\n  - {calls: [openat], when: 'pathname.under([" + strings.Join(list, ",") +
		"])', then: {deny: ENOENT}}\n"
}

func program(text string) (*compiler.Program, error) {
	doc, err := lang.Parse("bench.yaml", []byte(text), lang.Options{})
	if err != nil {
		return nil, err
	}
	return compiler.Compile(doc, compiler.Options{})
}

// samples is how often something slow is done.
const samples = 5

func compile(n int) (float64, error) {
	text := rules(n)
	start := time.Now()
	for range samples {
		p, err := program(text)
		if err != nil {
			return 0, err
		}
		if _, err := filter.BuildLists(p.Lists); err != nil {
			return 0, err
		}
	}
	return float64(time.Since(start)) / samples, nil
}

// text is a target's memory with one string.
type text string

func (s text) ReadMem(p []byte, addr uint64) (int, error) {
	if addr < address || addr > address+uint64(len(s)) {
		return 0, syscall.EFAULT
	}
	return copy(p, (string(s) + "\x00")[addr-address:]), nil
}

const address = 0x1000

// decisions is how many are timed.
const decisions = 1_000_000

func decide(document, name, path string) (float64, error) {
	p, err := program(document)
	if err != nil {
		return 0, err
	}
	abi := arch.Native()
	nr, ok := abi.Number(name)
	if !ok {
		return 0, fmt.Errorf("%s has no %s", abi, name)
	}
	call := new(arch.Call)
	new(arch.Decoder).Decode(call, arch.Data{ABI: abi, Nr: nr, Args: [6]uint64{0, address}}, text(path))
	d, r := p.Decider(nil), &policy.Request{Call: call}
	if got := d.Decide(r); got.Reason != "" {
		return 0, fmt.Errorf("%s: %s", name, got.Reason)
	}
	start := time.Now()
	for range decisions {
		d.Decide(r)
	}
	return float64(time.Since(start)) / decisions, nil
}
