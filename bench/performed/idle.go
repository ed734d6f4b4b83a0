package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"time"
)

// forgetting is how long a supervisor keeps what acts for a container that makes no calls, and some time more.
const forgetting = 12 * time.Second

// printIdle says what a supervisor holds for a container that has made its calls.
func printIdle(out io.Writer, c *testCase) error {
	cmd := exec.Command(c.argv[0], join(c.argv[1:], []string{"wait"})...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	answer, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	_, err = bufio.NewReader(answer).ReadString('\n')
	for _, when := range []struct {
		text string
		wait time.Duration
	}{{"just after its calls", 0}, {"later", forgetting}} {
		time.Sleep(when.wait)
		if err == nil {
			err = printHeld(out, when.text, cmd.Process.Pid)
		}
	}
	return errors.Join(err, in.Close(), cmd.Wait())
}

func printHeld(out io.Writer, when string, pid int) error {
	proc := "/proc/" + strconv.Itoa(pid)
	fds, err := os.ReadDir(proc + "/fd")
	if err != nil {
		return err
	}
	text, err := os.ReadFile(proc + "/smaps_rollup")
	if err != nil {
		return err
	}
	_, rest, _ := bytes.Cut(text, []byte("\nPss_Anon:")) // what is no file's: those are shared with every other Stead
	fields := bytes.Fields(rest)
	if len(fields) == 0 {
		return errors.New("smaps_rollup has no Pss_Anon (Linux 5.14)")
	}
	fmt.Fprintf(out, "A supervisor with one idle container, %s: %s KiB of memory, %d descriptors\n", when, fields[0], len(fds))
	return nil
}
