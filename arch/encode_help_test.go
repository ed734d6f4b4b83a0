package arch

import "testing"

// Registers is the inverse of the Decoder's reading of registers, on every ABI and for every call.
func TestRegistersAreDecodedAgain(t *testing.T) {
	for _, abi := range ABIs() {
		for nr, name := range abi.Calls() {
			sig := abi.Signature(abi.ID(nr))
			if sig == nil {
				continue
			}
			vals := make([]uint64, len(sig.Params))
			for i := range vals {
				vals[i] = uint64(i + 3)
				if p := &sig.Params[i]; p.Width == 8 && !p.Kind.Pointer() {
					vals[i] |= 5 << 32
				} else if p.Style == StylePages {
					vals[i] <<= 12
				}
			}
			args, ok := abi.Registers(sig.Params, vals)
			var d Decoder
			var c Call
			plain := *sig
			plain.Variants = nil
			d.DecodeAs(&c, &plain, Data{ABI: abi, Nr: nr, Args: args}, nil)
			for i := range c.Args {
				v := &c.Args[i]
				if v.Param != nil && v.Raw != vals[i] && ok && !(v.Param.Width == 1 || v.Param.Width == 2) {
					t.Errorf("%s %s: %s is %#x, was %#x", abi, name, v.Param.Name, v.Raw, vals[i])
				}
			}
		}
	}
}
