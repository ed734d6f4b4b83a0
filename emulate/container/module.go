package container

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"io"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/emulate"
)

func moduleRows() []row {
	const note = "by its name, from the machine's own modules; what the caller gives is not loaded"
	return []row{
		{call: "finit_module", texts: []int{1}, do: finitModule, slow: always, note: note},
		{call: "init_module", texts: []int{2}, copy: copyModule, do: initModule, slow: always, note: note},
	}
}

// maxInfo bounds the part of a module that says what it is.
const maxInfo = 64 << 10

// moduleName is what a module calls itself (modinfo(8)); "" if it does not say.
func moduleName(image io.ReaderAt) string {
	if !modest(image) {
		return ""
	}
	file, err := elf.NewFile(image)
	if err != nil {
		return ""
	}
	section := file.Section(".modinfo")
	if section == nil || section.Type == elf.SHT_NOBITS || section.Flags&elf.SHF_COMPRESSED != 0 {
		return ""
	}
	text, err := io.ReadAll(io.LimitReader(section.Open(), maxInfo))
	if err != nil {
		return ""
	}
	for line := range bytes.SplitSeq(text, []byte{0}) {
		if name, ok := bytes.CutPrefix(line, []byte("name=")); ok {
			return string(name)
		}
	}
	return ""
}

// modest refuses what says that it has more sections than the header of the file can count: debug/elf would read all of their headers.
func modest(image io.ReaderAt) bool {
	var head [64]byte
	if _, err := image.ReadAt(head[:], 0); err != nil || head[elf.EI_DATA] == 0 || head[elf.EI_DATA] > 2 {
		return false
	}
	order := binary.ByteOrder(binary.LittleEndian)
	if elf.Data(head[elf.EI_DATA]) == elf.ELFDATA2MSB {
		order = binary.BigEndian
	}
	at := 60 // e_shnum
	if elf.Class(head[elf.EI_CLASS]) == elf.ELFCLASS32 {
		at = 48
	}
	const most = 4096
	n := order.Uint16(head[at:])
	return n > 0 && n <= most
}

// An image is a piece of the target's memory as a file.
type image struct {
	mem  arch.Memory
	addr uint64
	size uint64
}

// ReadAt implements io.ReaderAt.
func (m image) ReadAt(p []byte, at int64) (int, error) {
	if at < 0 || uint64(at) >= m.size {
		return 0, io.EOF
	}
	want := min(uint64(len(p)), m.size-uint64(at))
	n, err := m.mem.ReadMem(p[:want], m.addr+uint64(at))
	if err == nil && n < len(p) {
		err = io.EOF
	}
	return n, err
}

// copyModule takes from the target's memory what a module is called, and nothing else.
func copyModule(o *op, raw *arch.Data, mem arch.Memory) {
	o.module = moduleName(image{mem, word(raw, 0), word(raw, 1)})
}

func initModule(o *op) emulate.Result { return o.load(o.module, 2) }

// finitModule: the file is read as the caller has opened it.
func finitModule(o *op) emulate.Result {
	if o.flags(2) != 0 {
		return o.refuse("a module is loaded with no flags or not at all")
	}
	fd, errno := o.descriptor(o.int(0))
	if errno != 0 {
		return emulate.Errno(errno)
	}
	file := os.NewFile(uintptr(fd), "module")
	defer file.Close()
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return emulate.Errno(unix.EINVAL) // kernel_read_file() of fs/kernel_read_file.c
	}
	return o.load(moduleName(file), 1)
}

// load loads the machine's own module of a name, if it is one that may be.
func (o *op) load(name string, params int) emulate.Result {
	switch s := o.text(params); {
	case len(s.P) == 0:
		return emulate.Errno(unix.EFAULT)
	case len(s.P) > 1:
		return o.refuse("a module is loaded with no parameters or not at all")
	case name == "" || !slices.Contains(o.grant.Modules, name):
		return o.refuse("module " + name + " is none of those that may be loaded")
	}
	if _, err := os.Stat("/sys/module/" + name + "/initstate"); err == nil {
		return emulate.Errno(unix.EEXIST)
	}
	return emulate.Errno(o.f.modprobe(name))
}

// modprobeTime is how long loading may take.
const modprobeTime = 20 * time.Second

func (f *Family) modprobe(name string) syscall.Errno {
	path := f.o.Modprobe
	if path == "" {
		path = "/sbin/modprobe"
	}
	ctx, cancel := context.WithTimeout(context.Background(), modprobeTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "-b", "--", name)
	cmd.Env, cmd.Dir = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, "/"
	if out, err := cmd.CombinedOutput(); err != nil {
		f.log.Warn("a module cannot be loaded", "module", name, "error", err, "output", string(out[:min(len(out), maxText)]))
		return unix.ENOENT
	}
	return 0
}
