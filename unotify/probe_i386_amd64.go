package unotify

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"
)

// i386ExitStatus is what the little program ends with.
const i386ExitStatus = 42

// runI386 executes a 32-bit program, which is one call. ENOEXEC: the kernel does not run such programs, nor such calls
// (CONFIG_IA32_EMULATION, the ia32_emulation parameter).
func runI386() error {
	fd, err := unix.MemfdCreate("i386", unix.MFD_CLOEXEC)
	if err != nil {
		return err
	}
	file := os.NewFile(uintptr(fd), "i386")
	defer file.Close()
	if _, err := file.Write(i386Program()); err != nil {
		return err
	}
	var exit *exec.ExitError
	err = exec.Command(fmt.Sprintf("/proc/self/fd/%d", fd)).Run()
	if errors.As(err, &exit) && exit.ExitCode() == i386ExitStatus {
		return nil
	}
	if err == nil {
		err = errors.New("32-bit program does not return its status")
	}
	return err
}

// i386Program is an ELF file (elf(5)) of one segment with its entry right behind the headers.
func i386Program() []byte {
	const (
		base             = 0x10000 // above vm.mmap_min_addr
		ehdrSize         = 52
		phdrSize         = 32
		execType         = 2
		machine386       = 3
		load             = 1
		readExec         = 5
		pageSize         = 4096
		version    uint8 = 1
	)
	code := []byte{
		0xb8, 1, 0, 0, 0, // mov $1, %eax: exit on i386
		0xbb, i386ExitStatus, 0, 0, 0, // mov $42, %ebx
		0xcd, 0x80, // int $0x80
	}
	size := uint32(ehdrSize + phdrSize + len(code))
	var b bytes.Buffer
	put := func(parts ...any) {
		for _, part := range parts {
			binary.Write(&b, binary.LittleEndian, part) //nolint:errcheck // a Buffer takes everything
		}
	}
	put([16]byte{0x7f, 'E', 'L', 'F', 1 /* 32 bits */, 1 /* little endian */, version},
		uint16(execType), uint16(machine386), uint32(version),
		uint32(base+ehdrSize+phdrSize), uint32(ehdrSize), uint32(0), uint32(0), // entry, headers, sections, flags
		uint16(ehdrSize), uint16(phdrSize), uint16(1), uint16(0), uint16(0), uint16(0))
	put(uint32(load), uint32(0), uint32(base), uint32(base), size, size, uint32(readExec), uint32(pageSize))
	put(code)
	return b.Bytes()
}
