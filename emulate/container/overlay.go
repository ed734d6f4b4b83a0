package container

import (
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/emulate"
)

// overlaySpace is what a family knows of the kernel's overlay.
type overlaySpace struct {
	overlayOnce sync.Once
	overlayOld  bool // it takes no layers one by one: before Linux 6.7
}

// overlayTakesLayers finds out whether layers can be given one by one: then one that is not there is ENOENT at once. An older overlay does not
// know the option, or keeps all of them until the end (legacy_parse_param() of fs/fs_context.c).
func (o *op) overlayTakesLayers(a *actor) bool {
	f := o.f
	f.overlayOnce.Do(func() {
		fs, errno := opened(a.call(unix.SYS_FSOPEN, o.cstring("overlay"), unix.FSOPEN_CLOEXEC))
		if f.overlayOld || errno != 0 {
			return
		}
		defer unix.Close(fs)
		_, errno = a.call(unix.SYS_FSCONFIG, uintptr(fs), unix.FSCONFIG_SET_STRING, o.cstring("lowerdir+"), o.cstring("/nowhere/at/all"), 0)
		f.overlayOld = errno != unix.ENOENT
	})
	return !f.overlayOld
}

// mountLayers mounts an overlay by mount(2), with names of the layers' descriptors. They are what mountinfo shows then.
func (o *op) mountLayers(a *actor, flags uint64, list []setting) emulate.Result {
	data := layerText(list)
	if len(data) >= maxText {
		return o.refuse("with the names of their descriptors, the layers are longer than a page: give fewer")
	}
	r, errno := a.call(unix.SYS_MOUNT, o.pointer(0), o.name(0), o.pointer(2), uintptr(flags), o.page(data))
	return result(r, o.or(0, errno))
}

// layerText puts settings into one text, as overlay reads it (Documentation/filesystems/overlayfs.rst).
func layerText(list []setting) string {
	var lower, data, rest []string
	for _, s := range list {
		switch name := itoa(s.fd); {
		case s.key == "lowerdir+":
			lower = append(lower, name)
		case s.key == "datadir+":
			data = append(data, name)
		case s.key == "lowerdir":
			lower, data = nil, nil // it takes back what was given before
		case s.fd > 0:
			rest = append(rest, s.key+"="+name)
		default:
			rest = append(rest, s.String())
		}
	}
	if len(lower)+len(data) > 0 {
		rest = append([]string{"lowerdir=" + strings.Join(append([]string{strings.Join(lower, ":")}, data...), "::")}, rest...)
	}
	return strings.Join(rest, ",")
}
