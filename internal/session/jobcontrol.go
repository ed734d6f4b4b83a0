package session

import (
	"bytes"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/unotify/launch"
)

// jobControl makes the supervisor and its program one job: what is sent to the supervisor reaches the program, and the
// supervisor stops and continues with it.
//
// Both are in one process group. What the terminal sends (^C, ^Z) both get, and only the program acts on it. What another
// process sends to the supervisor's id is passed on.
type jobControl struct {
	log     hclog.Logger
	signals *launch.Signals
	pid     atomic.Int64 // of the program; 0 after it has ended
}

// passedOn are the signals that a user may send: all that can be caught but those that report on the process itself, those
// of the Go runtime (SIGURG, SIGPROF) and SIGCHLD, SIGPIPE, SIGTTIN and SIGTTOU, which concern the supervisor alone.
var passedOn = [...]syscall.Signal{
	unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGUSR1, unix.SIGUSR2, unix.SIGALRM, unix.SIGTERM, unix.SIGCONT, unix.SIGTSTP,
	unix.SIGVTALRM, unix.SIGWINCH, unix.SIGIO, unix.SIGPWR,
}

func newJobControl(log hclog.Logger) (*jobControl, error) {
	// Records are written to a terminal from the background while the program has the foreground; a reader that goes away must
	// not end the supervision.
	signal.Ignore(unix.SIGTTOU, unix.SIGTTIN, unix.SIGPIPE)
	s, err := launch.Catch(passedOn[:]...)
	if err != nil {
		return nil, err
	}
	return &jobControl{log: log, signals: s}, nil
}

// passOn passes signals on: to the program, and after its end to the processes that it left behind. What came before it was
// started has waited until now.
func (j *jobControl) passOn() {
	for s := range j.signals.C {
		if s.ByKernel {
			continue
		}
		receivers := []int{int(j.pid.Load())}
		if receivers[0] == 0 {
			receivers = children()
		}
		for _, pid := range receivers {
			j.send(pid, s.Number)
		}
	}
}

func (j *jobControl) send(pid int, sig syscall.Signal) {
	if sig == unix.SIGCONT && !stopped(pid) {
		return
	}
	if err := unix.Kill(pid, sig); err != nil {
		j.log.Debug("cannot pass a signal on", "signal", sig, "pid", pid, "error", err)
	}
}

// children are this process's, by proc_pid_task_tid_children(5): orphans have become ours.
func children() (list []int) {
	files, _ := filepath.Glob("/proc/self/task/*/children")
	for _, f := range files {
		text, _ := os.ReadFile(f)
		for _, field := range strings.Fields(string(text)) {
			if pid, err := strconv.Atoi(field); err == nil {
				list = append(list, pid)
			}
		}
	}
	return list
}

// follow reaps the program and all orphans until there are none, and returns the program's status. The program has been
// started already; its process id cannot be reused before it is reaped here.
func (j *jobControl) follow(pid int) (status unix.WaitStatus) {
	j.pid.Store(int64(pid))
	go j.passOn()
	for {
		var ws unix.WaitStatus
		got, err := unix.Wait4(-1, &ws, unix.WUNTRACED, nil)
		switch {
		case err == unix.EINTR:
		case err != nil: // ECHILD: nobody is left
			return status
		case got != pid:
		case ws.Stopped():
			if stopped(pid) { // still
				j.stopWith(ws.StopSignal())
			}
		default:
			j.pid.Store(0)
			status = ws
		}
	}
}

// stopWith stops the supervisor as its program was stopped, so that the shell that waits for the supervisor notices.
func (j *jobControl) stopWith(sig syscall.Signal) {
	if sig != unix.SIGSTOP {
		if err := j.signals.Default(sig); err != nil {
			j.log.Debug("cannot stop like the program", "signal", sig, "error", err)
			sig = unix.SIGSTOP
		}
	}
	stopSelf(sig)
	// Continued. A shell continues the whole group; of somebody who continued only the supervisor, passOn has the signal.
	if sig == unix.SIGTSTP {
		j.signals.Restore(sig) //nolint:errcheck // it worked before
	} else if sig != unix.SIGSTOP {
		signal.Ignore(sig)
	}
}

// stopSelf returns when the process has been stopped and continued: a signal to the calling thread takes effect before the call
// returns, one to the process may do so later.
func stopSelf(sig syscall.Signal) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	unix.Tgkill(os.Getpid(), unix.Gettid(), sig) //nolint:errcheck // ourselves
}

// stopped says whether a process is stopped by a signal (proc_pid_stat(5): the state follows the name in parentheses).
func stopped(pid int) bool {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	_, state, _ := bytes.Cut(text[bytes.LastIndexByte(text, ')')+1:], []byte(" "))
	return bytes.HasPrefix(state, []byte("T"))
}
