package fakeroot

import (
	"fmt"
	"os"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/emulate"
	"github.com/stead-project/stead/emulate/perform"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/unotify"
)

// Options of a Family.
type Options struct {
	Targets *unotify.Targets
	Watched bool         // as perform's
	Logger  hclog.Logger // nil: silent
}

// A Family answers calls as root's would be. It implements emulate.Family. What it has written down lasts as long as it does.
type Family struct {
	*perform.Family // of the calls on files
	targets         *unotify.Targets
	crowd           crowd
	shelf           shelf
	files           [arch.NumIDs]*fileRow
	ids             [arch.NumIDs]*idRow
}

// New makes the family. Close frees what it holds. It needs what perform.New does.
func New(o Options) (*Family, error) {
	f := &Family{targets: o.Targets,
		crowd: crowd{targets: o.Targets, pid: os.Getpid(), known: map[int]member{}},
		shelf: shelf{files: map[fileID]*file{}}}
	for _, r := range fileRows() {
		id, ok := arch.LookupID(r.call)
		if !ok {
			return nil, fmt.Errorf("no ABI has a call %s", r.call)
		}
		f.files[id] = &r
	}
	for _, r := range idRows() {
		id, ok := arch.LookupID(r.call)
		if !ok {
			return nil, fmt.Errorf("no ABI has a call %s", r.call)
		}
		f.ids[id] = &r
	}
	var err error
	f.Family, err = perform.New(perform.Options{Targets: o.Targets, Watched: o.Watched, Logger: o.Logger, Around: f.around,
		Look: func(st *unix.Statx_t) { f.shelf.look(st) }})
	return f, err
}

// Calls implements emulate.Family.
func (f *Family) Calls() []emulate.Support { return Calls() }

// Calls lists what the family performs.
func Calls() (list []emulate.Support) {
	for _, r := range fileRows() {
		list = append(list, emulate.Support{Call: r.call, Note: r.note, As: policy.AsFakeRoot})
	}
	for _, r := range idRows() {
		list = append(list, emulate.Support{Call: r.call, Note: r.note, As: policy.AsFakeRoot})
	}
	return list
}

// Work implements emulate.Family.
func (f *Family) Work() emulate.Work { return &work{Work: f.Family.Work(), f: f} }

// around carries out a call on files.
func (f *Family) around(h perform.Held) emulate.Result {
	r := f.files[h.Call().ID]
	if r == nil || r.do == nil {
		return h.Do()
	}
	return r.do(f, h)
}
