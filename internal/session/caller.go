package session

import (
	"os"
	"strconv"

	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/unotify"
)

// An Asker answers what a policy asks of threads whose calls are pending.
type Asker struct {
	targets *unotify.Targets
	valid   unotify.Validator
}

// NewAsker makes one of what is known of the targets and of who says that a call is pending.
func NewAsker(t *unotify.Targets, v unotify.Validator) Asker { return Asker{t, v} }

// Caller is about one of them.
func (a Asker) Caller(who policy.Caller) *Caller { return &Caller{a, who} }

// A Caller answers for one thread (it is a cond.CallerInfo). Each answer is checked against the notification, so that it is never
// another thread's.
type Caller struct {
	a   Asker
	who policy.Caller
}

func (c *Caller) pin() (unotify.Target, error) {
	return c.a.targets.Pin(c.a.valid, c.who.ID, c.who.TID)
}

// UID is the effective user id, in the supervisor's user namespace.
func (c *Caller) UID() (uint32, error) {
	cred, err := c.credentials()
	return cred.UID.Effective, err
}

// GID is the effective group id.
func (c *Caller) GID() (uint32, error) {
	cred, err := c.credentials()
	return cred.GID.Effective, err
}

func (c *Caller) credentials() (unotify.Credentials, error) {
	t, err := c.pin()
	if err != nil {
		return unotify.Credentials{}, err
	}
	return t.Credentials()
}

// Exe is the program's path.
func (c *Caller) Exe() (string, error) {
	t, err := c.pin()
	if err != nil {
		return "", err
	}
	return t.ExePath()
}

// Comm is the thread's name.
func (c *Caller) Comm() (string, error) {
	t, err := c.pin()
	if err != nil {
		return "", err
	}
	return t.Comm()
}

// Cwd is the path of the working directory from the supervisor's root.
func (c *Caller) Cwd() (string, error) {
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
