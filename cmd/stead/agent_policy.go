//go:build !embedpolicy

package main

import (
	"fmt"

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
	return compileForContainers(doc)
}

// compileForContainers compiles a policy for what an agent has: no Landlock, since a runtime starts the program, and no way of knowing
// where a container's symbolic links lead.
func compileForContainers(doc *policy.Document) (*compiler.Program, error) {
	prog, err := compiler.Compile(doc, compiler.Options{Range: oci.Performs(oci.Families()), Watch: perform.Watch(), Lookup: lookup})
	if err != nil && (doc.Files != nil || doc.Network != nil || doc.Exec != nil) {
		return nil, fmt.Errorf("%w; in containers files:, network: and exec: lack Landlock, which restricts only programs that stead starts: write rules, with `then: perform` for those that look at paths", err)
	}
	return prog, err
}
