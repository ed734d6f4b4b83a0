package filter
import ("testing";"fmt";"time";"github.com/stead-project/stead/arch")
func TestZZ(t *testing.T) {
	r := newLottery(uint64(time.Now().UnixNano()))
	var n [3]int
	for it := 0; it < 400000; it++ {
		abi := []arch.ABI{arch.X86_64,arch.X86_64,arch.I386,arch.MIPSEL64}[it%4]
		l := newList(abi, r.list(1+r.IntN(3)), Allow)
		cu, _ := l.cubes(Allow, 128)
		for k, rules := range [][]rule{l.rules(Allow), l.tree(Allow), cubeRules(cu)} {
			if len(rules) == 0 || !tame(rules) { continue }
			n[k]++
			e := &entry{abi: abi, id: id(t, "getpriority"), nr: 140, list: l, rules: rules}
			g := generator{fallback: Allow, bad: Allow, abis: []arch.ABI{abi}, entries: []*entry{e}}
			done := make(chan int)
			go func() { g.compile(); close(done) }()
			select {
			case <-done:
			case <-time.After(3000*time.Millisecond):
				s := ""
				for _, ru := range rules { for _, c := range ru.when { s += fmt.Sprintf(" a%d op%d %#x %#x &", c.arg, c.op, c.a, c.b) }; s += fmt.Sprint(" -> ", ru.then, "; ") }
				t.Fatal(abi, it, k, s)
			}
		}
	}
	fmt.Println(n)
}
