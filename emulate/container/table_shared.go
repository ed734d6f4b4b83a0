package container

import (
	"fmt"
	"sync"

	"github.com/stead-project/stead/arch"
)

// tables say how calls are performed. Every family has the same, which nobody changes.
type tables struct {
	rows  [arch.NumIDs]*row
	types map[string]*fsType
}

var shared = sync.OnceValue(func() *tables {
	t := &tables{types: fsTypes()}
	list := rows()
	for i := range list {
		id, ok := arch.LookupID(list[i].call)
		if !ok {
			panic(fmt.Sprintf("no ABI has a call %s", list[i].call)) // a test makes them all
		}
		t.rows[id] = &list[i]
	}
	return t
})
