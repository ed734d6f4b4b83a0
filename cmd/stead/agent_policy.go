//go:build !embedwhole

package main

import (
	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/emulate/perform"
	"github.com/stead-project/stead/integration/oci"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/policy/compiler"
	"github.com/stead-project/stead/policy/lang"
)

// loadForContainers loads a policy for an agent.
func loadForContainers(file string) (*compiler.Program, error) {
	doc, err := lang.Load(lang.Options{Files: []string{file}})
	if err != nil {
		return nil, err
	}
	return compileForContainers(doc, perform.Watch())
}

// compileForContainers compiles a policy for what an agent has: no Landlock, since a runtime starts the program, and no way of knowing
// where a container's symbolic links lead. watch are calls that the supervisor is to see.
func compileForContainers(doc *policy.Document, watch arch.Selection) (*compiler.Program, error) {
	return compiler.Compile(doc, compiler.Options{Handed: true, Range: oci.Performs(oci.Families()), Watch: watch, Lookup: lookup})
}
