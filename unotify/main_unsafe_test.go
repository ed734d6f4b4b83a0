package unotify

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The test program is its own helper processes: each is chosen by the environment.
const helperEnv = "STEAD_TEST_HELPER"

func TestMain(m *testing.M) {
	helpers := map[string]func(){
		"hold":   helpHold,
		"exec":   helpExec,
		"nested": helpNested,
	}
	if help := helpers[os.Getenv(helperEnv)]; help != nil {
		help()
		os.Exit(0)
	}
	ProbeChildMain()
	os.Exit(m.Run())
}

// helperInfo is what a helper tells about itself.
type helperInfo struct {
	PID, TID int
	Area     uint64 // four pages: writable, writable, read-only, beyond its file
	Argv     uint64 // an array of 8-byte pointers to strings, in the first page
	Argv32   uint64 // the same with 4-byte pointers, all null
}

type helper struct {
	ended sync.Once
	*exec.Cmd
	helperInfo
	in  io.WriteCloser
	out *bufio.Reader
}

// startHelper starts a helper process and waits until it has told about itself.
func startHelper(t testing.TB, mode string, attr *syscall.SysProcAttr) *helper {
	t.Helper()
	h := &helper{Cmd: exec.Command("/proc/self/exe")}
	h.Env = append(os.Environ(), helperEnv+"="+mode)
	h.Stderr = os.Stderr
	h.SysProcAttr = attr
	h.in, _ = h.StdinPipe()
	out, _ := h.StdoutPipe()
	h.out = bufio.NewReader(out)
	if err := h.Start(); err != nil {
		t.Fatalf("start helper %s: %v", mode, err)
	}
	t.Cleanup(h.end)
	h.hear(t)
	return h
}

func (h *helper) hear(t testing.TB) {
	t.Helper()
	line, err := h.out.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &h.helperInfo)
	}
	if err != nil {
		t.Fatalf("hear from helper: %v", err)
	}
}

// end closes standard input, which ends any helper.
func (h *helper) end() {
	h.ended.Do(func() {
		h.in.Close()
		h.Process.Kill() //nolint:errcheck // it may have ended
		h.Wait()         //nolint:errcheck // it was killed
	})
}

func tell(info helperInfo) {
	b, _ := json.Marshal(info)
	fmt.Println(string(b))
}

func waitForInput() {
	io.Copy(io.Discard, os.Stdin) //nolint:errcheck // ends when the test does
}

// helpHold lays out memory and waits.
func helpHold() {
	runtime.LockOSThread()
	file, err := unix.MemfdCreate("area", unix.MFD_CLOEXEC)
	if err != nil {
		panic(err)
	}
	unix.Ftruncate(file, 3*minPage) //nolint:errcheck // the tests notice
	area, err := unix.Mmap(file, 0, 4*minPage, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE)
	if err != nil {
		panic(err)
	}
	for i := range area[:3*minPage] {
		area[i] = byte(1 + i%255)
	}
	base := uint64(uintptr(unsafe.Pointer(&area[0])))
	copy(area[2*minPage-3:], "abcdef\x00") // crosses into the third page
	copy(area[3*minPage-4:], "tail")       // no NUL before the page that is beyond the file
	for i, s := range []string{"one", "two", ""} {
		at := 512 + 16*i
		copy(area[at:], s+"\x00")
		binary.NativeEndian.PutUint64(area[256+8*i:], base+uint64(at))
	}
	clear(area[256+24 : 256+40])
	unix.Mprotect(area[2*minPage:3*minPage], unix.PROT_READ) //nolint:errcheck // the tests notice
	tell(helperInfo{PID: os.Getpid(), TID: otherThread(), Area: base, Argv: base + 256, Argv32: base + 256 + 24})
	waitForInput()
}

// otherThread starts a thread that is not the leader and stays, and returns its id.
func otherThread() int {
	tids := make(chan int)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == os.Getpid() {
			tids <- otherThread()
		} else {
			tids <- unix.Gettid()
		}
		select {}
	}()
	return <-tids
}

// helpExec tells the id of a thread that is not the leader, and lets that thread execute the program anew on the first input.
func helpExec() {
	runtime.LockOSThread()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // the leader is taken by the caller
		tell(helperInfo{PID: os.Getpid(), TID: unix.Gettid()})
		os.Stdin.Read(make([]byte, 1)) //nolint:errcheck // either way it goes on
		os.Setenv(helperEnv, "hold")
		panic(syscall.Exec("/proc/self/exe", os.Args, os.Environ()))
	}()
	<-done
}
