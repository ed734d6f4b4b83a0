package session

import (
	"os"
	"strconv"

	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/policy/cond"
	"github.com/stead-project/stead/unotify"
)

// A caller answers what a condition asks of the thread whose call is pending. Each answer is checked against the notification,
// so that it is never another thread's.
type caller struct {
	targets *unotify.Targets
	valid   unotify.Validator
	who     policy.Caller
}

// callers makes what a policy's conditions ask.
func callers(targets *unotify.Targets, valid unotify.Validator) func(policy.Caller) cond.CallerInfo {
	return func(who policy.Caller) cond.CallerInfo { return &caller{targets, valid, who} }
}

func (c *caller) pin() (unotify.Target, error) { return c.targets.Pin(c.valid, c.who.ID, c.who.TID) }

// UID implements cond.CallerInfo.
func (c *caller) UID() (uint32, error) {
	cred, err := c.credentials()
	return cred.UID.Effective, err
}

// GID implements cond.CallerInfo.
func (c *caller) GID() (uint32, error) {
	cred, err := c.credentials()
	return cred.GID.Effective, err
}

func (c *caller) credentials() (unotify.Credentials, error) {
	t, err := c.pin()
	if err != nil {
		return unotify.Credentials{}, err
	}
	return t.Credentials()
}

// Exe implements cond.CallerInfo.
func (c *caller) Exe() (string, error) {
	t, err := c.pin()
	if err != nil {
		return "", err
	}
	return t.ExePath()
}

// Comm implements cond.CallerInfo.
func (c *caller) Comm() (string, error) {
	t, err := c.pin()
	if err != nil {
		return "", err
	}
	return t.Comm()
}

// Cwd implements cond.CallerInfo: the path of the working directory from the supervisor's root.
func (c *caller) Cwd() (string, error) {
	t, err := c.pin()
	if err != nil {
		return "", err
	}
	dir, err := t.Cwd()
	if err != nil {
		return "", err
	}
	defer dir.Close()
	return os.Readlink("/proc/self/fd/" + strconv.Itoa(int(dir.Fd())))
}
