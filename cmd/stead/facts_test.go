package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/unotify"
)

// A feature as the JSON has it.
type feature struct{ Name, State, Detail, Meaning, Remedy string }

var allFeatures = []string{
	unotify.FeatureListener,
	unotify.FeatureContinue,
	unotify.FeatureIDValid,
	unotify.FeatureWaitKillable,
	unotify.FeatureSyncWakeUp,
	unotify.FeatureAddFD,
	unotify.FeatureAddFDExact,
	unotify.FeatureAddFDSend,
	unotify.FeatureReceiveEnd,
	unotify.FeatureNotifSizes,
	unotify.FeatureTSYNCESRCH,
	unotify.FeatureLog,
	unotify.FeatureSpecAllow,
	unotify.FeatureNoNewPrivs,
	unotify.FeaturePidfdThread,
	unotify.FeaturePidfdGetfd,
	unotify.FeatureReadMemory,
	unotify.FeatureWriteMemory,
	unotify.FeatureProcMem,
	unotify.FeaturePtraceScope,
	unotify.FeatureLandlock,
	unotify.FeatureUserNamespaces,
	unotify.FeatureI386,
	unotify.FeatureRoot,
	unotify.FeatureCapabilities,
}

func doctorJSON(t *testing.T, r result) []feature {
	t.Helper()
	var report struct {
		Kernel   string
		Features []feature
	}
	decode(t, r.stdout, &report)
	if report.Kernel == "" {
		t.Error("no kernel version")
	}
	var names []string
	for _, f := range report.Features {
		names = append(names, f.Name)
		if f.Meaning == "" || (f.State == "no" && f.Remedy == "") || !slices.Contains([]string{"yes", "no", "unknown"}, f.State) {
			t.Errorf("%+v", f)
		}
	}
	if !slices.Equal(names, allFeatures) {
		t.Errorf("features %v, want %v", names, allFeatures)
	}
	return report.Features
}

func TestDoctor(t *testing.T) {
	text, js := stead(t, "doctor"), stead(t, "doctor", "--json")
	if text.code != 0 || text.stderr != "" || js.code != 0 || js.stderr != "" || !strings.HasPrefix(text.stdout, "Linux ") {
		t.Fatalf("%+v %+v", text, js)
	}
	for _, f := range doctorJSON(t, js) {
		if !strings.Contains(text.stdout, f.Name) || !strings.Contains(text.stdout, f.Meaning) || !strings.Contains(text.stdout, f.Remedy) {
			t.Errorf("the text lacks %+v", f)
		}
	}
}

// TestDoctorSupervised asks inside, where no second listener can be had.
func TestDoctorSupervised(t *testing.T) {
	r := stead(t, "run", "--", steadPath(), "doctor")
	if r.code != 1 || !strings.Contains(r.stderr, "no program can be supervised here") || !strings.Contains(r.stdout, "what to do: ") {
		t.Errorf("%+v", r)
	}
	if f := doctorJSON(t, stead(t, "run", "--", steadPath(), "doctor", "--json"))[0]; f.State != "no" {
		t.Errorf("a listener inside a listener: %+v", f)
	}
}

func TestSyscallTables(t *testing.T) {
	for _, abi := range arch.ABIs() {
		var text, js bytes.Buffer
		if err := writeSyscalls(&text, abi); err != nil {
			t.Fatal(err)
		}
		if err := writeSyscallsJSON(&js, abi); err != nil {
			t.Fatal(err)
		}
		var table struct {
			ABI   string       `json:"abi"`
			Calls []syscallRow `json:"calls"`
		}
		decode(t, js.String(), &table)
		rows := strings.Count(text.String(), "\n") - 1
		if table.ABI != abi.String() || len(table.Calls) < 200 || rows != len(table.Calls) {
			t.Errorf("%v: %q with %d calls, %d lines", abi, table.ABI, len(table.Calls), rows)
		}
		checkRows(t, abi, table.Calls)
	}
}

func checkRows(t *testing.T, abi arch.ABI, rows []syscallRow) {
	t.Helper()
	traced := map[string]int{}
	for _, r := range rows {
		traced[r.Traced]++
		if r.Name == "" || r.Params == nil || (!r.Decoded && len(r.Params) > 0) {
			t.Errorf("%v: %+v", abi, r)
		}
		if r.Name == "openat" && (r.Traced != "default" || strings.Join(r.Params, " ") != "dirfd pathname flags mode") {
			t.Errorf("%v: %+v", abi, r)
		}
		if r.Name == "close" && r.Traced != "named" {
			t.Errorf("%v: %+v", abi, r)
		}
	}
	if len(traced) != 3 || traced["default"]+traced["all"]+traced["named"] != len(rows) {
		t.Errorf("%v: traced %v", abi, traced)
	}
}

func TestSyscalls(t *testing.T) {
	native, named := stead(t, "syscalls"), stead(t, "syscalls", "--abi", arch.Native().String())
	if native.code != 0 || native != named || native.stdout == stead(t, "syscalls", "--abi", "sparc").stdout {
		t.Error("stead syscalls does not show this machine's calls")
	}
}
