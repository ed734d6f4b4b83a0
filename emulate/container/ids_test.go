package container

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/internal/testneed"
)

func TestInsideID(t *testing.T) {
	const table = "         0     200000      65536\n     70000       5000         10\n"
	for id, want := range map[uint64]int64{200000: 0, 200005: 5, 265535: 65535, 265536: -1, 5: -1, 70003: -1, 5003: -1, 199999: -1} {
		got, ok := insideID([]byte(table), id)
		if ok != (want >= 0) || ok && got != uint64(want) {
			t.Errorf("%d: %d, %v, want %d", id, got, ok, want)
		}
	}
	if got, ok := insideID([]byte("70000 5000 10\n"), 5003); !ok || got != 70003 {
		t.Errorf("%d, %v", got, ok)
	}
}

// shownIDs remounts with the options that mountinfo shows, as mount(8) does.
func shownIDs(c *container) {
	must("tmpfs", unix.Mount("x", "/media/t", "tmpfs", 0, "uid=3,gid=4,mode=700"))
	for _, line := range []string{"mount -o remount,size=1m /media/t", "mount -o remount,ro /media/t", "mount -o remount,gid=7 /media/t"} {
		out, err := exec.Command("sh", "-c", line).CombinedOutput()
		c.err(line, err)
		c.say(line+", printed", string(out))
		var st unix.Stat_t
		c.err(line+", stat", unix.Stat("/media/t", &st))
		c.say(line+", owner", ownerAndMode(&st))
	}
	shown := regexp.MustCompile(`uid=([0-9]+)`).FindStringSubmatch(strings.Join(mountsBelow("/media/t"), ""))
	fs, err := unix.Fspick(unix.AT_FDCWD, "/media/t", unix.FSPICK_CLOEXEC)
	c.err("fspick", err)
	c.err("set what is shown", unix.FsconfigSetString(fs, "uid", shown[1]))
	c.err("reconfigure", unix.FsconfigReconfigure(fs))
}

func TestShownIDs(t *testing.T) {
	needRoot(t)
	testneed.Programs(t, "mount")
	want := native(t, plan{Scenario: "shown ids"})
	for _, p := range []plan{{}, {User: true}} {
		p.Scenario, p.Drop = "shown ids", true
		same(t, want, supervised(t, p, supervision{}))
	}
}
