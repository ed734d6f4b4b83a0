package filter

import "github.com/stead-project/stead/arch"

// Carried lists the calls that may come in a multiplexer (socketcall, ipc) of the ABI, with their arguments in memory.
func Carried(abi arch.ABI) arch.Selection { return carriedBy(abi) }

// CarriedIn lists the calls that a multiplexer may bring; none for any other call.
func CarriedIn(multiplexer arch.ID) (s arch.Selection) {
	name := multiplexer.Name()
	if name != "socketcall" && name != "ipc" {
		return s
	}
	for _, c := range carriers() {
		if c.name != name {
			continue
		}
		for _, call := range c.carried {
			if id, ok := arch.LookupID(call); ok {
				s.Add(id)
			}
		}
	}
	return s
}
