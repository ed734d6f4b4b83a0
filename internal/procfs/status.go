package procfs

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// A Status is what proc_pid_status(5) says about one thread that Stead needs. Ids are those of the reader's user namespace;
// one that has no mapping there reads as the overflow id (65534).
type Status struct {
	TGID       int
	Umask      uint32    // Linux 4.7
	HasUmask   bool      // false for a thread without a file system context (it is exiting)
	UID        [4]uint32 // real, effective, saved, file system
	GID        [4]uint32
	Groups     []uint32
	Threads    int // of the process
	CapInh     uint64
	CapPrm     uint64
	CapEff     uint64
	CapBnd     uint64
	CapAmb     uint64 // Linux 4.3
	NoNewPrivs bool   // Linux 4.10
	Seccomp    int    // 0 none, 1 strict, 2 filter
	Filters    int    // number of seccomp filters, -1 before Linux 5.9
	SigPending uint64 // signals that wait for this thread; bit n-1 is signal n
	ShdPending uint64 // for its process
	SigBlocked uint64
	SigCaught  uint64 // with a handler
}

// errMalformed is wrapped with what could not be read.
var errMalformed = errors.New("malformed proc file")

type statusField struct {
	key    string
	always bool // every kernel writes this line; a text without it is not a status file
	parse  func(*Status, []byte) error
}

// statusFields are the lines wanted, in the kernel's order (fs/proc/array.c).

func statusFields() []statusField {
	return []statusField{
		{"Umask", false, parseUmask},
		{"Tgid", true, func(s *Status, v []byte) error { return parseInt(v, &s.TGID) }},
		{"Uid", true, func(s *Status, v []byte) error { return parseFour(v, &s.UID) }},
		{"Gid", true, func(s *Status, v []byte) error { return parseFour(v, &s.GID) }},
		{"Groups", true, parseGroups},
		{"Threads", false, func(s *Status, v []byte) error { return parseInt(v, &s.Threads) }},
		{"SigPnd", false, func(s *Status, v []byte) error { return parseHex(v, &s.SigPending) }},
		{"ShdPnd", false, func(s *Status, v []byte) error { return parseHex(v, &s.ShdPending) }},
		{"SigBlk", false, func(s *Status, v []byte) error { return parseHex(v, &s.SigBlocked) }},
		{"SigCgt", false, func(s *Status, v []byte) error { return parseHex(v, &s.SigCaught) }},
		{"CapInh", false, func(s *Status, v []byte) error { return parseHex(v, &s.CapInh) }},
		{"CapPrm", false, func(s *Status, v []byte) error { return parseHex(v, &s.CapPrm) }},
		{"CapEff", true, func(s *Status, v []byte) error { return parseHex(v, &s.CapEff) }},
		{"CapBnd", false, func(s *Status, v []byte) error { return parseHex(v, &s.CapBnd) }},
		{"CapAmb", false, func(s *Status, v []byte) error { return parseHex(v, &s.CapAmb) }},
		{"NoNewPrivs", false, func(s *Status, v []byte) error { s.NoNewPrivs = string(v) == "1"; return nil }},
		{"Seccomp", false, func(s *Status, v []byte) error { return parseInt(v, &s.Seccomp) }},
		{"Seccomp_filters", false, func(s *Status, v []byte) error { return parseInt(v, &s.Filters) }},
	}
}

// ParseStatus reads the text of a status file that somebody else has opened, whose user namespace it then speaks of.
func ParseStatus(text []byte) (Status, error) { return parseStatus(text) }

// parseStatus reads the text of a status file. The thread's name stands in the first line, escaped by the kernel, so it cannot
// forge another line.
func parseStatus(text []byte) (Status, error) {
	s := Status{Filters: -1}
	fields := statusFields()
	for line := range bytes.Lines(text) {
		key, value, _ := bytes.Cut(line, []byte(":"))
		i := slices.IndexFunc(fields, func(f statusField) bool { return f.key == string(key) })
		if i < 0 {
			continue
		}
		if missing(fields[:i]) {
			return Status{}, fmt.Errorf("parse status: %w: a line is missing before %s", errMalformed, key)
		}
		if err := fields[i].parse(&s, bytes.TrimSpace(value)); err != nil {
			return Status{}, fmt.Errorf("parse %s of status: %w", key, err)
		}
		fields = fields[i+1:]
	}
	if missing(fields) {
		return Status{}, fmt.Errorf("parse status: %w: a line is missing", errMalformed)
	}
	return s, nil
}

func missing(fields []statusField) bool {
	return slices.ContainsFunc(fields, func(f statusField) bool { return f.always })
}

func parseUmask(s *Status, v []byte) error {
	n, err := strconv.ParseUint(string(v), 8, 32)
	s.Umask, s.HasUmask = uint32(n), err == nil
	return err
}

func parseGroups(s *Status, v []byte) error {
	fields := bytes.Fields(v)
	s.Groups = make([]uint32, len(fields))
	for i, f := range fields {
		if err := parseUint32(f, &s.Groups[i]); err != nil {
			return err
		}
	}
	return nil
}

func parseFour(v []byte, ids *[4]uint32) error {
	fields := bytes.Fields(v)
	if len(fields) != len(ids) {
		return errMalformed
	}
	for i, f := range fields {
		if err := parseUint32(f, &ids[i]); err != nil {
			return err
		}
	}
	return nil
}

func parseInt(v []byte, to *int) (err error) {
	*to, err = strconv.Atoi(string(v))
	return err
}

func parseUint32(v []byte, to *uint32) error {
	n, err := strconv.ParseUint(string(v), 10, 32)
	*to = uint32(n)
	return err
}

func parseHex(v []byte, to *uint64) (err error) {
	*to, err = strconv.ParseUint(string(v), 16, 64)
	return err
}

// parseStartTime takes field 22 of a stat file. The name in field 2 is in parentheses and may itself hold spaces and
// parentheses, so counting starts after the last closing one.
func parseStartTime(text []byte) (uint64, error) {
	end := bytes.LastIndexByte(text, ')')
	if end < 0 {
		return 0, fmt.Errorf("parse stat: %w: no name", errMalformed)
	}
	const startTime = 22 - 3 // the first field after the name is number 3
	fields := bytes.Fields(text[end+1:])
	if len(fields) <= startTime {
		return 0, fmt.Errorf("parse stat: %w: too short", errMalformed)
	}
	return strconv.ParseUint(string(fields[startTime]), 10, 64)
}

// parseWritable reads the lines of a maps file ("start-end perms …"), which are in order of address.
func parseWritable(text []byte, addr, n uint64) (bool, error) {
	if n == 0 {
		return true, nil
	}
	last := addr + n - 1
	if last < addr {
		return false, nil
	}
	for line := range bytes.Lines(text) {
		start, end, perms, err := parseMapping(line)
		if err != nil {
			return false, err
		}
		if end <= addr {
			continue
		}
		if start > addr || perms[1] != 'w' {
			return false, nil
		}
		if last < end {
			return true, nil
		}
		addr = end
	}
	return false, nil
}

func parseMapping(line []byte) (start, end uint64, perms []byte, err error) {
	area, rest, _ := bytes.Cut(line, []byte(" "))
	low, high, _ := bytes.Cut(area, []byte("-"))
	perms, _, _ = bytes.Cut(rest, []byte(" "))
	err = errors.Join(parseHex(low, &start), parseHex(high, &end))
	if err == nil && len(perms) < 4 {
		err = errMalformed
	}
	if err != nil {
		err = fmt.Errorf("parse maps: %w", err)
	}
	return start, end, perms, err
}
