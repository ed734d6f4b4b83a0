package stracecmp

import (
	"math/rand/v2"
	"testing"
)

// lcsLength is the textbook table: the oracle.
func lcsLength(a, b []int32) int {
	row := make([]int, len(b)+1)
	for i := range a {
		corner := 0
		for j := range b {
			above := row[j+1]
			if a[i] == b[j] {
				row[j+1] = corner + 1
			} else {
				row[j+1] = max(above, row[j])
			}
			corner = above
		}
	}
	return row[len(b)]
}

func randomLines(r *rand.Rand, n, alphabet int) []int32 {
	s := make([]int32, r.IntN(n+1))
	for i := range s {
		s[i] = int32(r.IntN(alphabet))
	}
	return s
}

func TestAlignIsLongestCommonSubsequence(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		alphabet := 1 + r.IntN(12)
		a, b := randomLines(r, 24, alphabet), randomLines(r, 24, alphabet)
		got, pa, pb := 0, 0, 0
		for _, s := range align(a, b) {
			if s.a < pa || s.b < pb || s.n <= 0 {
				t.Fatalf("align(%v, %v): spans out of order at %+v", a, b, s)
			}
			for i := range s.n {
				if a[s.a+i] != b[s.b+i] {
					t.Fatalf("align(%v, %v): span %+v is not common", a, b, s)
				}
			}
			pa, pb, got = s.a+s.n, s.b+s.n, got+s.n
		}
		if want := lcsLength(a, b); got != want {
			t.Fatalf("align(%v, %v) keeps %d lines, the longest common subsequence has %d", a, b, got, want)
		}
	}
}

func TestAlignOfUnlikeTraces(t *testing.T) {
	a, b := make([]int32, 4000), make([]int32, 4000)
	for i := range a {
		a[i], b[i] = int32(i), int32(i+100_000)
	}
	if spans := align(a, b); len(spans) != 0 {
		t.Fatalf("align of disjoint traces: %d spans", len(spans))
	}
}
