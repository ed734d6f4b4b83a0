package checks

import (
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

const arenaSize = 4 << 20

// An arena is memory for arguments that the garbage collector neither moves nor knows: what a call gets is an address. A page
// without any access follows it.
type arena struct {
	all  []byte
	used int
}

func newArena() (*arena, error) {
	page := os.Getpagesize()
	all, err := unix.Mmap(-1, 0, arenaSize+page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return nil, fmt.Errorf("map memory for arguments, which needs %d bytes: %w", arenaSize, err)
	}
	if err := unix.Mprotect(all[arenaSize:], unix.PROT_NONE); err != nil {
		return nil, fmt.Errorf("protect the page after the arguments: %w", err)
	}
	return &arena{all: all}, nil
}

// take returns n bytes, aligned to 16; nil if there are no more.
func (a *arena) take(n int) []byte {
	start := (a.used + 15) &^ 15
	if n < 0 || start+n > arenaSize/2 {
		return nil
	}
	a.used = start + n
	return a.all[start : start+n : start+n]
}

// tail returns the last n bytes before the page that cannot be accessed.
func (a *arena) tail(n int) []byte {
	if n > arenaSize/2 {
		return nil
	}
	return a.all[arenaSize-n : arenaSize]
}

// hole is the address of the page that cannot be accessed.
func (a *arena) hole() uintptr { return address(a.all) + arenaSize }

func address(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }
