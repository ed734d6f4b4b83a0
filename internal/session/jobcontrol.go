package session

import (
	"bytes"
	"os"
	"os/signal"
	"strconv"
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
	pid     atomic.Int64 // of the program; 0 before it is started and after it has ended
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
	j := &jobControl{log: log, signals: s}
	go j.passOn()
	return j, nil
}

func (j *jobControl) passOn() {
	for s := range j.signals.C {
		pid := int(j.pid.Load())
		if pid == 0 || s.ByKernel {
			continue
		}
		if s.Number == unix.SIGCONT && !stopped(pid) {
			continue
		}
		if err := unix.Kill(pid, s.Number); err != nil {
			j.log.Debug("cannot pass a signal on", "signal", s.Number, "error", err)
		}
	}
}

// follow reaps the program and all orphans until there are none, and returns the program's status. The program has been
// started already; its process id cannot be reused before it is reaped here.
func (j *jobControl) follow(pid int) (status unix.WaitStatus) {
	j.pid.Store(int64(pid))
	for {
		var ws unix.WaitStatus
		got, err := unix.Wait4(-1, &ws, unix.WUNTRACED, nil)
		switch {
		case err == unix.EINTR:
		case err != nil: // ECHILD: nobody is left
			return status
		case got != pid:
		case ws.Stopped():
			j.stopWith(pid, ws.StopSignal())
		default:
			j.pid.Store(0)
			status = ws
		}
	}
}

// stopWith stops the supervisor as its program was stopped, so that the shell that waits for the supervisor notices.
func (j *jobControl) stopWith(pid int, sig syscall.Signal) {
	if sig != unix.SIGSTOP {
		if err := j.signals.Default(sig); err != nil {
			j.log.Debug("cannot stop like the program", "signal", sig, "error", err)
			sig = unix.SIGSTOP
		}
	}
	unix.Kill(os.Getpid(), sig) //nolint:errcheck // ourselves
	// Continued. A shell continues the whole group; somebody who continued only the supervisor meant the program.
	if sig == unix.SIGTSTP {
		j.signals.Restore(sig) //nolint:errcheck // it worked before
	} else if sig != unix.SIGSTOP {
		signal.Ignore(sig)
	}
	if stopped(pid) {
		unix.Kill(pid, unix.SIGCONT) //nolint:errcheck // it is our unreaped child
	}
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
