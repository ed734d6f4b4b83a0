package oci

import (
	"os"
	"strconv"

	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/unotify"
)

// A caller answers a policy's questions about a thread whose call is pending (it is a cond.CallerInfo).
type caller struct {
	targets *unotify.Targets
	valid   unotify.Validator
	who     policy.Caller
}

// ask has a question answered by the thread itself, never by one that got its number later.
func ask[T any](c *caller, question func(unotify.Target) (T, error)) (answer T, err error) {
	t, err := c.targets.Pin(c.valid, c.who.ID, c.who.TID)
	if err != nil {
		return answer, err
	}
	return question(t)
}

// UID is the effective user id, in the agent's user namespace.
func (c *caller) UID() (uint32, error) {
	cred, err := ask(c, unotify.Target.Credentials)
	return cred.UID.Effective, err
}

// GID is the effective group id.
func (c *caller) GID() (uint32, error) {
	cred, err := ask(c, unotify.Target.Credentials)
	return cred.GID.Effective, err
}

// Exe is the program's path.
func (c *caller) Exe() (string, error) { return ask(c, unotify.Target.ExePath) }

// Comm is the thread's name.
func (c *caller) Comm() (string, error) { return ask(c, unotify.Target.Comm) }

// Cwd is the path of the working directory in its mount namespace.
func (c *caller) Cwd() (string, error) { return ask(c, cwd) }

func cwd(t unotify.Target) (string, error) {
	dir, err := t.Cwd()
	if err != nil {
		return "", err
	}
	defer dir.Close()
	return os.Readlink("/proc/self/fd/" + strconv.Itoa(int(dir.Fd())))
}
