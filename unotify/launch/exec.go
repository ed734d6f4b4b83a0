package launch

import (
	"errors"
	"runtime"
	"time"
)

// Exec executes a program in this process's place, under a filter that notifies nothing: nobody is left who could answer. What the
// program keeps is what [Start] says of it. The other threads end; so does everything that they are doing.
//
// It returns if that fails, with an error like those of [Start] and [Child.ExecError]. The process should end then: its signals are
// what it was started with, and one thread of it is lost, restricted as the program would have been. Of the options Path, Args, Env,
// Dir, Shell, Filter, FilterFlags, Landlock, LandlockFlags, Limits and KeepPrivileges are for it; the others must be left as they are.
func Exec(o Options) error {
	if err := checkExec(o); err != nil {
		return err
	}
	j, err := newJob(o, -1)
	if err != nil {
		return err
	}
	go func() {
		runtime.LockOSThread() // for good: a thread that ends makes calls, which the filter may not allow
		j.exec()
	}()
	for {
		if err := j.failure(o.Path, o.Landlock != nil); err != nil {
			return err
		}
		time.Sleep(execCheck) // the thread cannot tell: it may make no call
	}
}

// execCheck is how often Exec looks whether it has failed.
const execCheck = 200 * time.Microsecond

func checkExec(o Options) error {
	if o.By != nil || o.Admit != nil || o.Files != nil || o.Setsid || o.Setctty || o.Setpgid || o.Pdeathsig != 0 {
		return errors.New("execute program: an option that is for a process of its own")
	}
	return check(o)
}
