package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// values are the constants that exist on one target.
type values map[string]uint64

type evaluator struct {
	cc, tree, work string
	index          index
	told           sync.Map // what complain has said
}

// target tries each name in its headers in turn, then in the C library's, then in extra.h.
func (e *evaluator) target(t target, names []name) values {
	res := values{}
	for round := 0; ; round++ {
		groups, more := e.round(round, names, res)
		if !more {
			break
		}
		for header, list := range groups {
			e.eval(t.flags, e.kernelDirs(t), append(companions[header], header), list, res)
		}
	}
	unknown := slices.DeleteFunc(slices.Clone(names), func(n name) bool { return len(e.index[n.expr]) > 0 })
	e.eval(t.flags, e.kernelDirs(t), []string{"linux/fcntl.h", "extra.h"}, e.rest(names, res), res)
	e.eval([]string{"-m64", "-D_GNU_SOURCE"}, nil, libcHeaders, e.rest(unknown, res), res)
	return res
}

// round groups the names that are still without a value by their nth header.
func (e *evaluator) round(n int, names []name, res values) (groups map[string][]name, more bool) {
	groups = map[string][]name{}
	for _, c := range names {
		headers := e.index[c.expr]
		more = more || n < len(headers)
		if _, ok := res[c.name]; !ok && n < len(headers) {
			groups[headers[n]] = append(groups[headers[n]], c)
		}
	}
	return groups, more
}

func (e *evaluator) rest(names []name, res values) []name {
	return slices.DeleteFunc(slices.Clone(names), func(n name) bool { _, ok := res[n.name]; return ok })
}

func (e *evaluator) kernelDirs(t target) []string {
	dirs := []string{"-nostdinc", "-I" + filepath.Join(e.work, "only", t.abis[0])}
	if t.asm != "" {
		dirs = append(dirs, "-I"+filepath.Join(e.tree, "lib/linux/uapi", t.asm))
	}
	return append(dirs, "-I"+filepath.Join(e.tree, "include"), "-I"+e.work)
}

// badLine finds the declarations with mistakes: at the place itself, or in a macro that it expands.
var badLine = regexp.MustCompile(`(?m)^<stdin>:(\d+):\d+: (?:error:|note: in expansion)`)

// companions declare the types whose sizes are in a header's ioctl numbers, where the header does not include them.
var companions = map[string][]string{
	"asm/ioctls.h":      {"asm/termbits.h", "asm/termios.h", "linux/serial.h"},
	"linux/fs.h":        {"linux/blktrace_api.h", "linux/fiemap.h"},
	"linux/ppp-ioctl.h": {"linux/filter.h"},
}

// eval compiles one declaration per name. The compiler names the lines of those that do not exist; they are left out
// and the rest is compiled again.
func (e *evaluator) eval(flags, dirs, headers []string, names []name, res values) {
	for attempt := 0; len(names) > 0 && attempt < 5; attempt++ {
		asm, diag, err := e.compile(flags, dirs, headers, names)
		if err == nil {
			readAssembly(asm, names, res)
			return
		}
		bad := map[int]bool{}
		for _, m := range badLine.FindAllStringSubmatch(diag, -1) {
			n, _ := strconv.Atoi(m[1])
			bad[n-len(headers)-1] = true
		}
		var good []name
		for i, n := range names {
			if !bad[i] {
				good = append(good, n)
			}
		}
		if len(good) == len(names) {
			e.complain(headers, diag)
			return
		}
		names = good
	}
}

// complain tells of a header that does not compile; that an architecture lacks it is ordinary.
func (e *evaluator) complain(headers []string, diag string) {
	line := firstLine(diag)
	if strings.Contains(line, "No such file") {
		return
	}
	if _, told := e.told.LoadOrStore(line, true); !told {
		fmt.Fprintf(os.Stderr, "%v: %s\n", headers, line)
	}
}

func firstLine(s string) string {
	if at := strings.Index(s, "error:"); at >= 0 {
		s = s[strings.LastIndex(s[:at], "\n")+1:]
	}
	line, _, _ := strings.Cut(s, "\n")
	return line
}

func (e *evaluator) compile(flags, dirs, headers []string, names []name) (asm, diag string, err error) {
	var src strings.Builder
	for _, h := range headers {
		fmt.Fprintf(&src, "#include <%s>\n", h)
	}
	for i, n := range names {
		fmt.Fprintf(&src, "const unsigned long long value_%d = (unsigned long long)(%s);\n", i, n.expr)
	}
	args := append([]string{"-S", "-w", "-fmax-errors=0", "-fno-asynchronous-unwind-tables", "-x", "c"}, flags...)
	args = append(args, dirs...)
	if len(dirs) > 0 {
		args = append(args, "-include", "prelude.h")
	}
	cmd := exec.Command(e.cc, append(args, "-o", "-", "-")...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(src.String()), &stdout, &stderr
	err = cmd.Run()
	return stdout.String(), stderr.String(), err
}

var (
	label     = regexp.MustCompile(`^value_(\d+):`)
	directive = regexp.MustCompile(`^\s+\.(quad|long|zero)\s+(-?\d+)`)
)

// readAssembly collects the 8 bytes after each label. What is no plain number, the address of a string, is left out.
func readAssembly(asm string, names []name, res values) {
	current, value, filled := "", uint64(0), 0
	for line := range strings.Lines(asm) {
		if m := label.FindStringSubmatch(line); m != nil {
			i, _ := strconv.Atoi(m[1])
			current, value, filled = names[i].name, 0, 0
			continue
		}
		m := directive.FindStringSubmatch(line)
		if m == nil || current == "" {
			continue
		}
		size, n := datum(m[1], m[2])
		value |= n << (8 * filled)
		if filled += size; filled >= 8 {
			res[current], current = value, ""
		}
	}
}

// datum is the size in bytes and the value of one directive.
func datum(directive, operand string) (size int, value uint64) {
	n, _ := strconv.ParseInt(operand, 10, 64)
	switch directive {
	case "zero":
		return int(n), 0
	case "long":
		return 4, uint64(uint32(n))
	}
	return 8, uint64(n)
}

//go:embed extra.h
var extra string

// shims stand in for the few headers of the C library that the kernel's include, and for asm/ headers that an
// architecture takes from asm-generic.
var shims = map[string]string{
	// Newer kernels have no headers for s390's 31-bit ABI, only the compatible calls.
	"only/s390/asm/bitsperlong.h": "#define __BITS_PER_LONG 32\n#include <asm-generic/bitsperlong.h>\n",

	"prelude.h": "#include <linux/types.h>\n#include <linux/posix_types.h>\n#include <linux/ioctl.h>\n" +
		"#include <linux/fcntl.h>\n#include <linux/const.h>\n" +
		"typedef unsigned long size_t;\ntypedef __kernel_loff_t loff_t;\ntypedef __kernel_pid_t pid_t;\n" +
		"typedef unsigned short sa_family_t;\ntypedef __u8 uint8_t;\ntypedef __u16 uint16_t;\ntypedef __u32 uint32_t;\n" +
		"typedef __u64 uint64_t;\ntypedef __s8 int8_t;\ntypedef __s16 int16_t;\ntypedef __s32 int32_t;\ntypedef __s64 int64_t;\n" +
		"#ifndef NULL\n#define NULL ((void *)0)\n#endif\n#define offsetof(t, m) __builtin_offsetof(t, m)\n",
	"sys/socket.h": "#include <linux/socket.h>\nstruct sockaddr { unsigned short sa_family; char sa_data[14]; };\n",
	"sys/types.h":  "",
	"sys/time.h":   "#include <linux/time.h>\n",
	"sys/ioctl.h":  "",
	"stddef.h":     "",
	"stdint.h":     "",
	"stdbool.h":    "#define bool _Bool\n",
	"stdarg.h":     "",
	"string.h":     "",
	"limits.h":     "",
	"time.h":       "",
	"errno.h":      "#include <asm/errno.h>\n",
}

var generic = []string{
	"auxvec", "bitsperlong", "bpf_perf_event", "byteorder", "errno", "fcntl", "ioctl", "ioctls", "ipcbuf", "mman", "msgbuf", "param",
	"poll", "posix_types", "resource", "sembuf", "setup", "shmbuf", "siginfo", "signal", "socket", "sockios", "stat", "statfs", "swab",
	"termbits", "termios", "types", "ucontext",
}

func writeShims(dir string) error {
	files := map[string]string{"extra.h": extra}
	for name, text := range shims {
		files[name] = text
	}
	for _, g := range generic {
		files["asm/"+g+".h"] = "#include <asm-generic/" + g + ".h>\n"
	}
	files["asm/byteorder.h"] = "#include <linux/byteorder/little_endian.h>\n"
	files["asm/swab.h"] = ""
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

var libcHeaders = []string{
	"sys/socket.h", "netinet/in.h", "netinet/tcp.h", "netinet/udp.h", "sys/mman.h", "sys/stat.h", "sys/shm.h", "sys/sem.h", "sys/msg.h",
	"sys/wait.h", "sched.h", "signal.h", "fcntl.h", "unistd.h", "sys/syscall.h", "sys/timex.h", "sys/epoll.h", "sys/personality.h",
	"net/if.h", "sys/xattr.h", "sys/swap.h", "sys/quota.h", "mqueue.h", "sys/un.h", "netinet/icmp6.h",
}
