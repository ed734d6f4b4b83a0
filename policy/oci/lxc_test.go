package oci

import (
	"strings"
	"testing"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy/filter"
)

func TestExportLXC(t *testing.T) {
	id := func(name string) arch.ID {
		id, ok := arch.LookupID(name)
		if !ok {
			t.Fatal(name)
		}
		return id
	}
	lists := func(fallback filter.Action) filter.Lists {
		return filter.Lists{BadABI: filter.Errno(38), ABIs: []filter.Decisions{{ABI: arch.X86_64, Default: fallback, Calls: map[arch.ID][]filter.Clause{
			id("mkdir"):  {{Then: filter.Notify}},
			id("socket"): {{When: []filter.Compare{{Arg: 0, Op: filter.EQ, Value: 38}}, Then: filter.Errno(97)}},
			id("mknod"):  {{When: []filter.Compare{{Arg: 1, Op: filter.MaskedEQ, Mask: 0o170000, Value: 0o020000}}, Then: filter.Notify}},
			id("reboot"): {{Then: filter.KillProcess}},
			id("swapon"): {{Then: filter.Log}},
			id("getpid"): {{Then: filter.Allow}},
		}}}}
	}
	text, losses, err := ExportLXC(lists(filter.Allow))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"2\ndenylist\n[all]\n", "\nmkdir notify\n", "\nsocket errno 97 [0,38,SCMP_CMP_EQ]\n",
		"\nmknod notify [1,8192,SCMP_CMP_MASKED_EQ,61440]\n", "\nreboot kill\n", "\nswapon notify\n"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in %s", want, text)
		}
	}
	if len(losses) != 1 || losses[0].Call != id("swapon") || strings.Contains(string(text), "getpid") {
		t.Errorf("losses %v of %s", losses, text)
	}
	text, _, err = ExportLXC(lists(filter.Errno(1)))
	if err != nil || !strings.HasPrefix(string(text), "2\nallowlist errno 1\n[all]\n") || !strings.Contains(string(text), "\ngetpid allow\n") {
		t.Errorf("%v: %s", err, text)
	}
	if _, _, err := ExportLXC(lists(filter.Log)); err == nil || !strings.Contains(err.Error(), "default") {
		t.Errorf("a default of log: %v", err)
	}
	own := lists(filter.Allow)
	own.ABIs[0].Calls[id("fchown")] = []filter.Clause{{Then: filter.Notify}}
	if _, _, err := ExportLXC(own); err == nil || !strings.Contains(err.Error(), "lxc-start makes fchown itself") {
		t.Errorf("a call that LXC makes itself: %v", err)
	}
}
