// Package presets holds the policies that are built in. Each is a file of this directory in the language of docs/policy.md, where
// they are described; a policy takes one in with `include: [preset:NAME]`.
package presets

import (
	"embed"
	"path"
	"strings"
)

//go:embed *.yaml
var files embed.FS

// Names returns the names of the presets in order.
func Names() []string {
	entries, _ := files.ReadDir(".") //nolint:errcheck // it is built in: there is a directory
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	return names
}

// Read returns the YAML of a preset; ok is false if there is none of that name.
func Read(name string) (text []byte, ok bool) {
	if name != path.Base(name) {
		return nil, false
	}
	text, err := files.ReadFile(name + ".yaml")
	return text, err == nil
}
