package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// defaultPath is where execvp(3) looks when PATH is not set.
const defaultPath = "/bin:/usr/bin"

// findProgram looks a name up as execvp(3) does: a name with a slash is a path, others are searched for, and what is found but may
// not be executed is an error only if nothing better follows.
func findProgram(name string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil // execve says what is wrong with it
	}
	search, set := os.LookupEnv("PATH")
	if !set {
		search = defaultPath
	}
	failure := fmt.Errorf("find %q: %w", name, unix.ENOENT)
	if name == "" {
		return "", failure
	}
	for _, dir := range strings.Split(search, ":") {
		path := dir + "/" + name
		if dir == "" {
			path = "./" + name // an empty entry is the working directory
		}
		switch err := executable(path); {
		case err == nil:
			return path, nil
		case errors.Is(err, unix.EACCES):
			failure = fmt.Errorf("execute %q: %w", path, err)
		case !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ENOTDIR):
			return "", fmt.Errorf("execute %q: %w", path, err)
		}
	}
	return "", failure
}

// executable says whether execve would get as far as reading the file.
func executable(path string) error {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return unix.EACCES
	}
	return unix.Faccessat(unix.AT_FDCWD, path, unix.X_OK, unix.AT_EACCESS)
}

// executeError gives the exit codes of env(1) to a program that cannot be executed: 127 for what is not there, 126 for the rest.
func executeError(err error) error {
	if errors.Is(err, unix.ENOENT) {
		return &exitError{exitNotFound, err}
	}
	return &exitError{exitCannotExecute, err}
}

// exitStatus is the program's own, 128+n if signal n ended it.
func exitStatus(ws unix.WaitStatus) error {
	switch {
	case ws.Signaled():
		return &exitError{code: 128 + int(ws.Signal())}
	case ws.ExitStatus() != 0:
		return &exitError{code: ws.ExitStatus()}
	}
	return nil
}
