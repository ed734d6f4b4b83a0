package main

import "github.com/spf13/pflag"

// policyFlags say which policy is meant, and for which machine it is compiled.
type policyFlags struct {
	files      []string
	presets    []string
	set        []string
	bestEffort bool
}

func (f *policyFlags) add(fs *pflag.FlagSet, withFiles bool) {
	if withFiles {
		fs.StringArrayVar(&f.files, "policy", nil, "a policy file; may be given several times")
	}
	fs.StringArrayVar(&f.presets, "preset", nil, "a policy that is built in (see stead policy presets); may be given several times")
	fs.StringArrayVar(&f.set, "set", nil, "NAME=VALUE: replaces a variable of the policy")
	fs.BoolVar(&f.bestEffort, "best-effort", false, "go on where this machine cannot enforce all of the policy, and say what is lost")
}

// any says whether a policy was asked for.
func (f *policyFlags) any() bool { return len(f.files)+len(f.presets) > 0 }
