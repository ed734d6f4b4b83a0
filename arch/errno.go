package arch

// ErrnoName returns the name of an error number on an ABI (errno(3)), or "" if it has none. Of two names for one number it
// is the older: EAGAIN, not EWOULDBLOCK.
func (a ABI) ErrnoName(errno int) string {
	if errno <= 0 {
		return ""
	}
	return setErrno.NameOf(uint64(errno), a)
}

// Errno returns the number of an error's name on an ABI. ENOTSUP, a name of the C library, is EOPNOTSUPP.
func (a ABI) Errno(name string) (int, bool) {
	if name == "ENOTSUP" {
		name = "EOPNOTSUPP"
	}
	v, ok := setErrno.Value(name, a)
	return int(v), ok
}
