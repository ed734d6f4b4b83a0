package attack

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/internal/testneed"
)

// Where calls are judged and continued, every attack wins. It is given time: what else the machine does is not known.
func TestRaced(t *testing.T) {
	program := native(t)
	a := &arena{stead: steadCommand(t), program: program, race: accepted, attempts: 1 << 30, stop: true}
	for _, k := range able(attacks(t, program, newLimits(t)), os.Getuid()) {
		if k.is("race") {
			t.Run(k.name, func(t *testing.T) { a.mustWin(t, k) })
		}
	}
}

// Where nobody supervises, what is no race succeeds.
func TestUnsupervised(t *testing.T) {
	program := native(t)
	a := &arena{program: program, attempts: 1 << 30, stop: true}
	for _, k := range able(attacks(t, program, newLimits(t)), os.Getuid()) {
		if k.is("trick") {
			t.Run(k.name, func(t *testing.T) { a.mustWin(t, k) })
		}
	}
}

func (a *arena) mustWin(t *testing.T, k attack) {
	t.Helper()
	for _, limit := range []time.Duration{100 * time.Millisecond, time.Second, 5 * time.Second} {
		y := a.fight(t, limit, k)[k.name]
		t.Log(y)
		if y.won > 0 || y.refused() {
			return
		}
	}
	t.Errorf("%s never succeeds: as an attack it proves nothing", k.name)
}

// refused says that the policy could not decide, and denied: what is relative to a descriptor is that where paths are judged as
// they are written.
func (y tally) refused() bool {
	return len(y.others) == 1 && y.others[0] == fmt.Sprintf("errno%d=%d", unix.EPERM, y.attempts)
}

// able leaves out what needs privilege.
func able(all []attack, user int) []attack {
	return slices.DeleteFunc(slices.Clone(all), func(k attack) bool { return user != 0 && k.is("root") })
}

// A side is who makes which of the attacks, and with which part of the time.
type side struct {
	name    string
	program func() (string, error)
	user    int
	every   int // takes one of so many
}

// sides are all that attack: the whole suite natively, a part of it as others.
func sides() []side {
	all := []side{{"native", nativePath, os.Getuid(), 1}, {"compat", compatPath, os.Getuid(), 8}}
	if os.Getuid() == 0 {
		all = append(all, side{"nobody", nativePath, 65534, 8})
	}
	return all
}

// Where calls are performed, none does.
func TestPerformed(t *testing.T) {
	program, stead, most := native(t), steadCommand(t), newLimits(t)
	performs(t, stead)
	all := attacks(t, program, most)
	for _, s := range sides() {
		t.Run(s.name, func(t *testing.T) {
			path, err := s.program()
			if err != nil {
				testneed.Missing(t, "%v", err)
			}
			a := &arena{stead: stead, program: path, attempts: most.attempts}
			if s.user != os.Getuid() {
				a.user = s.user
			}
			a.tournament(t, s.share(all), most.budget/time.Duration(s.every))
		})
	}
}

// share is the side's part of the attacks.
func (s side) share(all []attack) (some []attack) {
	for i, k := range able(all, s.user) {
		if i%s.every == 0 {
			some = append(some, k)
		}
	}
	return some
}

// tournament makes attacks, group by group, within a time.
func (a *arena) tournament(t *testing.T, all []attack, budget time.Duration) {
	t.Helper()
	end := time.Now().Add(budget)
	total, left := 0, len(all)
	for _, group := range groups(all) {
		limit := max(time.Until(end)/time.Duration(max(left, 1))-overhead, 20*time.Millisecond)
		left -= len(group)
		trick, _, _ := strings.Cut(group[0].name, "/")
		t.Run(trick, func(t *testing.T) {
			results := a.fight(t, limit, group...)
			for _, k := range group {
				total += results[k.name].attempts
				results[k.name].judge(t, k)
			}
		})
	}
	t.Logf("%d attempts of %d attacks", total, len(all))
}

// overhead is about what an attack takes before its first attempt.
const overhead = 5 * time.Millisecond

// groups puts together what has its outside in common: the trick and the name that it is about.
func groups(all []attack) (out [][]attack) {
	key := func(k attack) string {
		trick, _, _ := strings.Cut(k.name, "/")
		return trick + k.like[0]
	}
	sorted := slices.Clone(all)
	slices.SortStableFunc(sorted, func(a, b attack) int { return strings.Compare(key(a), key(b)) })
	for i, k := range sorted {
		if i == 0 || key(k) != key(sorted[i-1]) {
			out = append(out, nil)
		}
		out[len(out)-1] = append(out[len(out)-1], k)
	}
	return out
}

// remains says why an attack succeeds nevertheless; "" if it may not.
func remains(k attack) string {
	if strings.HasSuffix(k.name, "-path") {
		return "an O_PATH descriptor cannot be given to anybody: the call is judged and continued, and fstat(2) shows what was opened"
	}
	return map[string]string{
		"hard-link-beforehand/once": "another name of the file, made before there was a policy",
	}[k.name]
}

// enough attempts have met both names, if anything swaps them.
const enough = 3000

// judge fails the test for a success, and for a race that was none.
func (y tally) judge(t *testing.T, k attack) {
	t.Helper()
	t.Logf("%s: %s", k.name, y)
	if why := remains(k); why != "" && y.won > 0 {
		t.Logf("%s succeeds, as is known: %s", k.name, why)
		return
	}
	if y.won > 0 {
		t.Errorf("%s succeeded %d times in %d attempts", k.name, y.won, y.attempts)
	}
	if y.attempts < enough || !k.is("race") || remains(k) != "" {
		return
	}
	if y.allowed == 0 {
		t.Errorf("%s: nothing was allowed: what is forbidden was not swapped for anything: %s", k.name, y)
	}
	if y.denied == 0 {
		t.Errorf("%s: nothing was denied: what is forbidden was not tried: %s", k.name, y)
	}
}
