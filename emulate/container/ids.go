package container

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// ownIDs are a remount's options with the ids that the caller has for what mountinfo shows. mount(8) gives a remount all of the options
// that it finds there, and those have the machine's ids, whoever reads them (shmem_show_options() of mm/shmem.c): the kernel would look
// for them in the caller's user namespace, find none, and refuse the remount.
func (o *op) ownIDs(text string) (string, bool) {
	changed := false
	options := parseOptions(text)
	for i := range options {
		if v, ok := o.ownID(options[i]); ok {
			options[i], changed = v, true
		}
	}
	return joinOptions(options), changed
}

// ownID says what an option's id is in the caller's user namespace. One that the caller has itself it means itself.
func (o *op) ownID(v option) (option, bool) {
	if v.flag || v.key != "uid" && v.key != "gid" || o.look() != 0 || !o.foreign(nsUser) {
		return v, false
	}
	id, err := strconv.ParseUint(v.value, 10, 32)
	if err != nil {
		return v, false
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s_map", o.env.TID, v.key))
	if err != nil || o.env.Valid() != nil {
		return v, false
	}
	own, ok := insideID(text, id)
	v.value = strconv.FormatUint(own, 10)
	return v, ok
}

// insideID finds an outer id in a map of user_namespaces(7), unless it is an inner one, too.
func insideID(table []byte, id uint64) (own uint64, ok bool) {
	for line := range bytes.Lines(table) {
		var inner, outer, count uint64
		if _, err := fmt.Sscan(string(line), &inner, &outer, &count); err != nil {
			return 0, false
		}
		if id-inner < count {
			return 0, false
		}
		if id-outer < count {
			own, ok = inner+id-outer, true
		}
	}
	return own, ok
}
