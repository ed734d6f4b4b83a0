package stracecmp

import (
	"cmp"
	"slices"
)

// A line is one call in the form that is compared.
type line struct {
	call *Call
	args []string // normalised
	key  int32    // equal for equal lines of both traces
}

// sequence is one thread's comparable lines.
type sequence struct {
	tid   int
	lines []line
}

// keys are what align works on.
func (s *sequence) keys() []int32 {
	keys := make([]int32, len(s.lines))
	for i := range s.lines {
		keys[i] = s.lines[i].key
	}
	return keys
}

// pairing says that thread a of one run did what thread b of the other did; nil where there is none.
type pairing struct{ a, b *sequence }

// pairThreads finds for each thread its like in the other run: first those whose lines are equal, then the most
// similar. Similarity is the part of lines two threads share regardless of order; among equals the earlier threads
// belong together. The tree of creation would be exact, but stead does not see clone by default.
func pairThreads(as, bs []sequence) []pairing {
	var pairs []pairing
	usedA, usedB := make([]bool, len(as)), make([]bool, len(bs))
	for _, c := range candidates(as, bs) {
		if usedA[c.a] || usedB[c.b] {
			continue
		}
		usedA[c.a], usedB[c.b] = true, true
		pairs = append(pairs, pairing{&as[c.a], &bs[c.b]})
	}
	for i := range as {
		if !usedA[i] {
			pairs = append(pairs, pairing{a: &as[i]})
		}
	}
	for i := range bs {
		if !usedB[i] {
			pairs = append(pairs, pairing{b: &bs[i]})
		}
	}
	return pairs
}

type candidate struct {
	a, b  int
	score float64
}

// nameWeight lets shared call names decide where whole lines don't.
const nameWeight = 1e-3

// candidates lists all pairs that share anything, best first. Threads with equal lines score 2, so that no merely
// similar one comes before them.
func candidates(as, bs []sequence) []candidate {
	bagsA, bagsB := bags(as, lineKey), bags(bs, lineKey)
	namesA, namesB := bags(as, lineName), bags(bs, lineName)
	var list []candidate
	for i := range as {
		for j := range bs {
			total := len(as[i].lines) + len(bs[j].lines)
			score := overlap(bagsA[i], bagsB[j], total)
			if score == 1 && slices.Equal(as[i].keys(), bs[j].keys()) {
				score = 2
			}
			if score += nameWeight * overlap(namesA[i], namesB[j], total); score > 0 {
				list = append(list, candidate{i, j, score})
			}
		}
	}
	slices.SortStableFunc(list, func(x, y candidate) int {
		return cmp.Or(cmp.Compare(y.score, x.score), cmp.Compare(abs(x.a-x.b), abs(y.a-y.b)))
	})
	return list
}

func abs(n int) int { return max(n, -n) }

func lineKey(l *line) int32   { return l.key }
func lineName(l *line) string { return l.call.Name }

// bags counts what of makes of the lines, by thread.
func bags[K comparable](list []sequence, of func(*line) K) []map[K]int {
	out := make([]map[K]int, len(list))
	for i := range list {
		out[i] = map[K]int{}
		for j := range list[i].lines {
			out[i][of(&list[i].lines[j])]++
		}
	}
	return out
}

// overlap is the shared part of two bags, 0 to 1.
func overlap[K comparable](a, b map[K]int, total int) float64 {
	shared := 0
	for key, n := range a {
		shared += min(n, b[key])
	}
	if total == 0 {
		return 0
	}
	return 2 * float64(shared) / float64(total)
}
