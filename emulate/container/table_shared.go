package container

import (
	"sync"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/emulate"
)

// tables say how calls are performed. Every family has the same, which nobody changes.
type tables struct {
	rows  [arch.NumIDs]*row
	types map[string]*fsType
}

var shared = sync.OnceValue(func() *tables {
	return &tables{rows: emulate.ByCall(rows(), func(r *row) string { return r.call }), types: fsTypes()}
})
