package stracecmp

// A span is a run of lines present on both sides.
type span struct{ a, b, n int }

// align returns a longest common subsequence of a and b as spans in order. It is Myers's algorithm in its linear-space
// form (An O(ND) Difference Algorithm and Its Variations, 1986, section 4b), so traces that differ throughout cost time
// and not memory.
func align(a, b []int32) []span {
	size := 2*(len(a)+len(b)+2) + 1
	al := aligner{a: a, b: b, forward: make([]int, size), backward: make([]int, size)}
	al.box(0, len(a), 0, len(b))
	return al.spans
}

type aligner struct {
	a, b              []int32
	forward, backward []int
	spans             []span
}

// add appends n common lines, joining them to the last span if they continue it.
func (al *aligner) add(a, b, n int) {
	if n == 0 {
		return
	}
	if k := len(al.spans) - 1; k >= 0 {
		last := &al.spans[k]
		if last.a+last.n == a && last.b+last.n == b {
			last.n += n
			return
		}
	}
	al.spans = append(al.spans, span{a, b, n})
}

// box aligns a[a0:a1] with b[b0:b1].
func (al *aligner) box(a0, a1, b0, b1 int) {
	n := 0
	for a0+n < a1 && b0+n < b1 && al.a[a0+n] == al.b[b0+n] {
		n++
	}
	al.add(a0, b0, n)
	a0, b0 = a0+n, b0+n
	tail := 0
	for a1-tail > a0 && b1-tail > b0 && al.a[a1-tail-1] == al.b[b1-tail-1] {
		tail++
	}
	a1, b1 = a1-tail, b1-tail
	if a0 < a1 && b0 < b1 {
		x, y := al.middle(a0, a1, b0, b1)
		al.box(a0, x, b0, y)
		al.box(x, a1, y, b1)
	}
	al.add(a1, b1, tail)
}

// middle returns a point on a shortest edit path of the box, about half way along it. Both ends of the box differ, so
// the point is never one of its corners and the recursion ends.
func (al *aligner) middle(a0, a1, b0, b1 int) (int, int) {
	n, m := a1-a0, b1-b0
	delta, zero := n-m, len(al.forward)/2
	fw, bw := al.forward, al.backward
	fw[zero+1], bw[zero+1] = 0, 0
	for d := 0; ; d++ {
		for k := -d; k <= d; k += 2 {
			x := furthest(fw, zero, k, d)
			for x < n && x-k < m && x-k >= 0 && al.a[a0+x] == al.b[b0+x-k] {
				x++
			}
			fw[zero+k] = x
			if r := delta - k; delta%2 != 0 && r > -d && r < d && x+bw[zero+r] >= n {
				return a0 + x, b0 + x - k
			}
		}
		for k := -d; k <= d; k += 2 {
			x := furthest(bw, zero, k, d)
			for x < n && x-k < m && x-k >= 0 && al.a[a1-1-x] == al.b[b1-1-x+k] {
				x++
			}
			bw[zero+k] = x
			if r := delta - k; delta%2 == 0 && r >= -d && r <= d && x+fw[zero+r] >= n {
				return a1 - x, b1 - x + k
			}
		}
	}
}

// furthest is where diagonal k starts in round d: one step right or down from the better neighbour.
func furthest(v []int, zero, k, d int) int {
	if k == -d || k != d && v[zero+k-1] < v[zero+k+1] {
		return v[zero+k+1]
	}
	return v[zero+k-1] + 1
}
