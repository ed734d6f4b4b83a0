package emulate

import (
	"fmt"

	"github.com/stead-project/stead/arch"
)

// ByCall puts a family's descriptions in the places of the calls that they are about. A name that no ABI has is a mistake in the program.
func ByCall[R any](list []R, name func(*R) string) (rows [arch.NumIDs]*R) {
	for i := range list {
		id, ok := arch.LookupID(name(&list[i]))
		if !ok {
			panic(fmt.Sprintf("no ABI has a call %s", name(&list[i]))) // tests make all tables
		}
		rows[id] = &list[i]
	}
	return rows
}
