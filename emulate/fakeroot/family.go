package fakeroot

import (
	"fmt"
	"os"

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
	// Files carries out the calls on files. It stays its maker's, and is told of callers by whoever tells it: it must be in the same
	// table.
	Files *perform.Family
}

// A Family answers calls as root's would be. It implements emulate.Family. What it has written down lasts as long as it does.
type Family struct {
	targets *unotify.Targets
	perform *perform.Family
	wrap    perform.Wrap
	crowd   crowd
	shelf   shelf
	files   []fileRow
	ids     []idRow
	index   [arch.NumIDs]uint8 // of files, then ids; plus 1
}

// New makes the family.
func New(o Options) (*Family, error) {
	f := &Family{targets: o.Targets, perform: o.Files, files: fileRows(), ids: idRows(),
		crowd: crowd{targets: o.Targets, pid: os.Getpid(), known: map[int]member{}},
		shelf: shelf{files: map[fileID]*file{}}}
	f.wrap = perform.Wrap{Around: f.around, Look: func(st *unix.Statx_t) { f.shelf.look(st) }}
	for i, s := range Calls() {
		id, ok := arch.LookupID(s.Call)
		if !ok {
			return nil, fmt.Errorf("no ABI has a call %s", s.Call)
		}
		f.index[id] = uint8(i + 1)
	}
	return f, nil
}

// Close implements io.Closer: nothing is held.
func (f *Family) Close() error { return nil }

// Thread implements emulate.Family.
func (f *Family) Thread() (emulate.Thread, error) { return f.perform.Thread() }

// Watch implements emulate.Family: what callers really are is Files' to know.
func (f *Family) Watch() arch.Selection { return arch.Selection{} }

// Calling implements emulate.Family.
func (f *Family) Calling(int) {}

// Changing implements emulate.Family.
func (f *Family) Changing(int, arch.ID) {}

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
func (f *Family) Work() emulate.Work { return &work{Work: f.perform.WrappedWork(&f.wrap), f: f} }

// idRow is how a call on ids is answered; nil: it is one on files.
func (f *Family) idRow(id arch.ID) *idRow {
	if i := int(f.index[id]) - 1 - len(f.files); i >= 0 {
		return &f.ids[i]
	}
	return nil
}

// around carries out a call on files.
func (f *Family) around(h perform.Held) emulate.Result {
	if r := &f.files[f.index[h.Call().ID]-1]; r.do != nil {
		return r.do(f, h)
	}
	return h.Do()
}
