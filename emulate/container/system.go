package container

import "github.com/stead-project/stead/emulate"

// systemRows are the calls on the machine as a whole.
func systemRows() []row {
	harmless := func(*op) emulate.Result { return emulate.Return(0) }
	return []row{
		{call: "swapon", do: harmless, note: "succeeds and does nothing"},
		{call: "swapoff", do: harmless, note: "succeeds and does nothing"},
		{call: "reboot", do: harmless, note: "succeeds and does nothing"},
	}
}
