package policy

import "github.com/stead-project/stead/arch"

// An As says who performs a call, and with whose rights.
type As uint8

// The zero value gives nobody more than they have.
const (
	AsTarget     As = iota // the target's own rights
	AsSupervisor           // rights of the supervisor's, as far as a rule lends them
	AsFakeRoot             // the target's own rights, and root's answers
	NumAs
)

var asNames = [NumAs]string{"target", "supervisor", "fake-root"}

// String is the policy language's word.
func (a As) String() string { return asNames[a%NumAs] }

// AsNames are the words of the policy language, in the constants' order.
func AsNames() []string { return asNames[:] }

// A Grant is what a rule says about how its calls are performed. It is read-only.
type Grant struct {
	As      As
	Force   uint64            // MS_* flags (include/uapi/linux/mount.h) that are added to what is mounted
	Refuse  []string          // options that a mount may not have: "name", or "name=value"
	Sources PathMatcher       // where block devices and images may be mounted from; nil: from nowhere
	FUSE    map[string]string // file systems that a program in the container serves instead of the kernel
	IDMap   bool              // file systems that only the supervisor can mount get the ids of the caller's user namespace
	Devices []Device          // that may be made; nil: those that do no harm
	Modules []string          // names of kernel modules that may be loaded
}

// A PathMatcher knows paths.
type PathMatcher interface {
	// Holds is asked with clean absolute paths.
	Holds(path []byte) bool
}

// A Device is a device number with its type, S_IFCHR or S_IFBLK.
type Device struct {
	Type         uint32
	Major, Minor uint32
	AnyMinor     bool
}

// Is says whether a device is the one that is meant.
func (d Device) Is(kind, major, minor uint32) bool {
	return d.Type == kind && d.Major == major && (d.AnyMinor || d.Minor == minor)
}

// Types of devices: S_IFCHR and S_IFBLK of include/uapi/linux/stat.h.
const (
	CharDevice  = 0o020000
	BlockDevice = 0o060000
)

// A NamedDevice is one that has a name in the policy language.
type NamedDevice struct {
	Name string
	Device
}

// NamedDevices are devices that are harmless by nature, or ask for rights themselves when they are used
// (Documentation/admin-guide/devices.txt).
func NamedDevices() []NamedDevice {
	list := []NamedDevice{{"null", char(1, 3)}, {"zero", char(1, 5)}, {"full", char(1, 7)}, {"random", char(1, 8)}, {"urandom", char(1, 9)},
		{"tty", char(5, 0)}, {"console", char(5, 1)}, {"fuse", char(10, 229)}, {"net/tun", char(10, 200)}}
	return list
}

func char(major, minor uint32) Device { return Device{Type: CharDevice, Major: major, Minor: minor} }

// HarmlessDevices are those of NamedDevices: what may be made where a rule names none.
func HarmlessDevices() (list []Device) {
	for _, d := range NamedDevices() {
		list = append(list, d.Device)
	}
	return list
}

// A Range is what a supervisor can perform.
type Range struct {
	Performable arch.Selection        // with the target's own rights
	Granted     arch.Selection        // with more, and not otherwise: only where a rule says perform
	Checked     arch.Selection        // judged, and left to the kernel: whatever they reach is judged again when it is used
	As          [NumAs]arch.Selection // by who performs them
}
