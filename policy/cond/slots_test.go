package cond

import (
	"math/rand/v2"
	"testing"

	"github.com/stead-project/stead/arch"
)

// Registers are where the decoder finds them, for every call of every ABI.
func TestSlots(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var dec arch.Decoder
	var c arch.Call
	compared := 0
	for _, abi := range arch.ABIs() {
		for _, id := range arch.AllCalls().IDs() {
			nr, ok := abi.NumberOf(id)
			sig := abi.Signature(id)
			if !ok || sig == nil {
				continue
			}
			raw := arch.Data{ABI: abi, Nr: nr}
			for i := range raw.Args {
				raw.Args[i] = random.Uint64()
			}
			plain := *sig
			plain.Variants = nil
			dec.DecodeAs(&c, &plain, raw, nil)
			for i := range sig.Params {
				s := slotOf(abi, sig, i)
				switch {
				case s.lo < 0:
					if c.Args[i].State != arch.Unread && sig.Params[i].Style == arch.StylePlain {
						t.Errorf("%s %s %s: no register", abi, id, sig.Params[i].Name)
					}
				case s.read(&raw.Args) != c.Args[i].Raw&fullMask(s.bits):
					t.Errorf("%s %s %s: %#x, want %#x", abi, id, sig.Params[i].Name, s.read(&raw.Args), c.Args[i].Raw)
				default:
					compared++
				}
			}
		}
	}
	if compared < 10000 {
		t.Errorf("only %d compared", compared)
	}
}
