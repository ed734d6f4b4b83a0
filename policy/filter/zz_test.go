package filter
import ("testing";"fmt";"time";"github.com/stead-project/stead/arch")
func TestZZ(t *testing.T) {
	r := newLottery(99)
	hung := 0
	for it := 0; it < 60000 && hung < 12; it++ {
		l := newList(arch.X86_64, r.list(1+r.IntN(3)), Allow)
		for k, rules := range [][]rule{l.rules(Allow), l.tree(Allow)} {
			if len(rules) == 0 { continue }
			e := &entry{abi: arch.X86_64, id: id(t, "getpriority"), nr: 140, list: l, rules: rules}
			g := generator{fallback: Allow, bad: Allow, abis: []arch.ABI{arch.X86_64}, entries: []*entry{e}}
			done := make(chan int)
			go func() { g.compile(); close(done) }()
			select {
			case <-done:
			case <-time.After(300*time.Millisecond):
				hung++
				s := ""
				for _, ru := range rules { for _, c := range ru.when { s += fmt.Sprintf(" a%d op%d %#x %#x &", c.arg, c.op, c.a, c.b) }; s += fmt.Sprint(" -> ", ru.then, "; ") }
				fmt.Println(it, k, s)
			}
		}
	}
	fmt.Println("hung", hung)
}
