package idle

import (
	"slices"
	"testing"
	"time"
)

func TestTakeAndGive(t *testing.T) {
	var l List[int]
	if _, ok := l.Take("a"); ok {
		t.Error("an empty list gave something")
	}
	for i, key := range []string{"a", "b", "a"} {
		if old, full := l.Give(key, i, 3); full {
			t.Errorf("%d left a list that was not full", old)
		}
	}
	if old, full := l.Give("c", 3, 3); !full || old != 0 {
		t.Errorf("%d, %v left, want the first", old, full)
	}
	for _, want := range []struct {
		key   string
		value int
		ok    bool
	}{{"a", 2, true}, {"a", 0, false}, {"b", 1, true}, {"x", 0, false}, {"c", 3, true}, {"c", 0, false}} {
		if v, ok := l.Take(want.key); v != want.value || ok != want.ok {
			t.Errorf("%s: %d, %v, want %d, %v", want.key, v, ok, want.value, want.ok)
		}
	}
	l.Give("a", 8, 2)
	l.Give("a", 9, 2)
	if v, _ := l.Take("a"); v != 9 {
		t.Errorf("%d was given, want the one used last", v)
	}
}

func TestExpireAndDrain(t *testing.T) {
	var l List[int]
	l.Give("a", 1, 9)
	l.Give("b", 2, 9)
	time.Sleep(time.Millisecond)
	moment := time.Now()
	l.Give("c", 3, 9)
	if old, left := l.Expire(moment.Add(-time.Hour)); len(old) != 0 || left != 3 {
		t.Errorf("%v expired, %d left, want none and 3", old, left)
	}
	if old, left := l.Expire(moment); !slices.Equal(old, []int{1, 2}) || left != 1 {
		t.Errorf("%v expired, %d left, want 1, 2 and one", old, left)
	}
	l.Give("d", 4, 9)
	if all := l.Drain(); !slices.Equal(all, []int{3, 4}) {
		t.Errorf("drained %v, want 3 and 4", all)
	}
	if all := l.Drain(); len(all) != 0 {
		t.Errorf("drained %v of an empty list", all)
	}
}
