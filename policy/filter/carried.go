package filter

import "github.com/stead-project/stead/arch"

// Carried lists the calls that may come in a multiplexer (socketcall, ipc) of the ABI, with their arguments in memory.
func Carried(abi arch.ABI) arch.Selection { return carriedBy(abi) }
