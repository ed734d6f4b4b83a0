package filter

//go:generate go run ../../internal/cmd/genfilter .

import (
	"fmt"
	"slices"

	seccomp "github.com/seccomp/libseccomp-golang"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
)

// StandardSpecs are the specs whose filters are built in advance for a native ABI.
func StandardSpecs(native arch.ABI) []Spec {
	abis := append([]arch.ABI{native}, native.Compat()...)
	return []Spec{
		{ABIs: abis, Notify: policy.TraceDefault()},
		{ABIs: abis, Notify: policy.TraceAll(), NotifyUnknown: true},
		{ABIs: abis, Notify: policy.Executions()},
	}
}

// lookup finds a filter that was built in advance. Tests check each of them against its spec.
func lookup(s Spec) (Program, bool) {
	for i, std := range StandardSpecs(arch.Native()) {
		if i < len(precompiled) && s.NotifyUnknown == std.NotifyUnknown && s.Notify == std.Notify && slices.Equal(s.ABIs, std.ABIs) {
			return precompiled[i], true
		}
	}
	return nil, false
}

// LibraryVersion is libseccomp's.
func LibraryVersion() string {
	major, minor, micro := seccomp.GetLibraryVersion()
	return fmt.Sprintf("%d.%d.%d", major, minor, micro)
}
