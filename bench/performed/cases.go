package main

import "strconv"

// A supervisor, or none.
type supervisor int

const (
	native supervisor = iota
	floor
	stead
	nsenter // processes that join the container, one for each call
)

// A testCase is a call, or two that undo one another, under a supervisor.
type testCase struct {
	key
	what string
	argv []string
}

// A key names a case.
type key struct {
	call   string
	by     supervisor
	pinned bool // everything on one CPU
}

// calls are what target.c can make.
func calls() [][2]string {
	return [][2]string{{"open", "open+close"}, {"stat", "stat"}, {"mkdir", "mkdir+rmdir"}, {"rename", "rename, there and back"}}
}

func cases(o options) (list []testCase) {
	for _, c := range calls() {
		target := []string{o.target, c[0], strconv.Itoa(o.calls), o.dir}
		for _, pinned := range []bool{false, true} {
			where := ""
			if pinned {
				where = ", one CPU"
			}
			list = append(list,
				testCase{key{c[0], native, pinned}, c[1] + ", native" + where, target},
				testCase{key{c[0], floor, pinned}, c[1] + ", performed by the C floor" + where, join([]string{o.floor}, target)},
				testCase{key{c[0], stead, pinned}, c[1] + ", performed by Stead" + where,
					join([]string{o.stead, "run", "--preset", "perform", "--"}, target)})
		}
	}
	return list
}

func join(a, b []string) []string { return append(append([]string(nil), a...), b...) }

// A bound is a ratio of two cases and what it may be at most; 0 is no bound, for scale only.
type bound struct {
	what        string
	over, under key
	atMost      float64
}

// bounds: an opening is held to the floor on one CPU, where an injection is cheap for both.
func bounds() []bound {
	const most = 1.3
	return []bound{
		{"open+close performed / floor, one CPU", key{"open", stead, true}, key{"open", floor, true}, most},
		{"stat performed / floor", key{"stat", stead, false}, key{"stat", floor, false}, most},
		{"mkdir+rmdir performed / floor", key{"mkdir", stead, false}, key{"mkdir", floor, false}, most},
		{"rename performed / floor", key{"rename", stead, false}, key{"rename", floor, false}, most},
		{"open+close performed, all CPUs / one CPU (on an idle machine)", key{"open", stead, false}, key{"open", stead, true}, 2},
		{"the same of the floor", key{"open", floor, false}, key{"open", floor, true}, 0},
		{"open+close performed / floor", key{"open", stead, false}, key{"open", floor, false}, 0},
		{"stat performed / floor, one CPU", key{"stat", stead, true}, key{"stat", floor, true}, 0},
		{"open+close performed / native", key{"open", stead, false}, key{"open", native, false}, 0},
		{"stat performed / native", key{"stat", stead, false}, key{"stat", native, false}, 0},
		{"mkdir+rmdir performed / native", key{"mkdir", stead, false}, key{"mkdir", native, false}, 0},
		{"rename performed / native", key{"rename", stead, false}, key{"rename", native, false}, 0},
	}
}
