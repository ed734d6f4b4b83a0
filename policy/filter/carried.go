package filter

import "github.com/stead-project/stead/arch"

// Carried lists the calls that may come in a multiplexer (socketcall, ipc) of the ABI, with their arguments in memory. libseccomp
// writes rules for them into the multiplexer of its own accord, which compare the multiplexer's arguments with what was meant for
// the call's; so its rules for them are never asked for.
func Carried(abi arch.ABI) (s arch.Selection) {
	for _, c := range carriers() {
		if _, ok := abi.Number(c.name); ok {
			s = s.Union(c.calls())
		}
	}
	return s
}

// CarriedIn lists the calls that a multiplexer may bring; none for any other call.
func CarriedIn(multiplexer arch.ID) (s arch.Selection) {
	for _, c := range carriers() {
		if c.name == multiplexer.Name() {
			return c.calls()
		}
	}
	return s
}
