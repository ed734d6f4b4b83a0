package conformance

import (
	"path"
	"regexp"
	"sync"
)

// An Acceptance is a difference that is meant. Patterns of checks and environments are those of path.Match, in which a star
// stands for one part of a check's name; Line is a regular expression for the native line.
type Acceptance struct{ Check, Env, Line, Reason string }

// Accepted is the table of all.
func Accepted() []Acceptance {
	const (
		noFollow = "O_NOFOLLOW is missing from F_GETFL: the object is opened through what is held, and that path is followed"
		large    = "a 64-bit supervisor's descriptors have O_LARGEFILE in F_GETFL; files beyond 2 GiB fail with EOVERFLOW nevertheless"
		handle   = "openat2(2) with O_PATH is ENOSYS: such a descriptor cannot be injected, and its flags are in memory"
		terminal = "a session's first terminal is not made its controlling one: that is the opener's doing, and the supervisor opens"
		scoped   = "RESOLVE_BENEATH and RESOLVE_IN_ROOT do not lead through procfs"
		closed   = "an ordinary user's supervisor cannot see a process that is not dumpable, and refuses what it cannot perform"
		entry    = "a process may search its own /proc/PID/fd whatever its mode; the supervisor is another one, and gets EACCES first"
	)
	return []Acceptance{
		{"*/*", "*", `fl=0x[0-9a-f]*[2367abef][0-9a-f]{4}$`, noFollow},
		{"*/*", "i386*", `fl=0x`, large},
		{"openat2/mode", "*", `^`, handle},
		{"device/terminal", "*", `^`, terminal},
		{"chroot/inside", "*[rdt]", `^`, scoped},
		{"permission/not-dumpable", "*[rd]", `^`, closed}, // user, i386-user, as-started
		{"proc/fd-operations", "*", `unlink`, entry},
	}
}

// used remembers which acceptances something was found for.
type used struct {
	mu   sync.Mutex
	hits map[Acceptance]int
}

// unaccepted are the differences that no acceptance is for.
func (s *Suite) unaccepted(check, env string, found []difference) []difference {
	var rest []difference
	for _, d := range found {
		if !s.accept(check, env, d) {
			rest = append(rest, d)
		}
	}
	return rest
}

func (s *Suite) accept(check, env string, d difference) bool {
	for _, a := range s.accepted {
		if a.matches(check, env, d) {
			s.used.mu.Lock()
			defer s.used.mu.Unlock()
			s.used.hits[a]++
			return true
		}
	}
	return false
}

func (a Acceptance) matches(check, env string, d difference) bool {
	inCheck, _ := path.Match(a.Check, check)
	inEnv, _ := path.Match(a.Env, env)
	if !inCheck || !inEnv {
		return false
	}
	is, err := regexp.MatchString(a.Line, d.native)
	return err == nil && is
}

// Unused are acceptances for which nothing differed any more. Ask after all checks of all environments were made.
func (s *Suite) Unused() []Acceptance {
	s.used.mu.Lock()
	defer s.used.mu.Unlock()
	var all []Acceptance
	for _, a := range s.accepted {
		if s.used.hits[a] == 0 {
			all = append(all, a)
		}
	}
	return all
}
