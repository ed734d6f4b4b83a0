// Package lang reads policies. It turns the YAML of one or more files and presets into one policy.Document: keys and types
// checked, includes followed, variables replaced, names of calls and errors looked up. docs/policy.md is the reference of the
// language and stead.schema.json its structure; conditions (`when`) are carried as text, with variables put in as CEL literals.
//
// A Pattern that is a glob comes out in the syntax of policy/cond's globs, with a backslash before what is an ordinary character;
// a Pattern that is none is a path as it is, clean and without backslashes of the language.
//
// What is read is treated as hostile: every size, depth and count is bounded, anchors, aliases and tags are refused, and the
// value of a variable is data: it can add neither YAML, CEL, glob characters nor endpoint syntax.
package lang

import (
	_ "embed" // the schema
	"io"
	"os"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
)

// Bounds of what is read. Reaching one is an error, never a truncation.
const (
	MaxFile    = 1 << 20 // bytes of one file
	MaxFiles   = 64      // files and presets of one document
	MaxDepth   = 64      // nested lists and mappings of one file
	MaxInclude = 16      // includes inside includes
	MaxNodes   = 100_000 // YAML nodes of one document, all files together
	MaxValue   = 4096    // bytes of a variable's value
	MaxText    = 64 << 10
	maxErrors  = 20
)

// Options say what to read, and where variables come from. The zero value reads nothing and takes the environment as it is.
type Options struct {
	Files   []string          // policy files; the rules of earlier ones come first
	Presets []string          // names of presets, without "preset:"; they come after the files
	Set     map[string]string // overrides of variables (--set k=v)
	// Env looks up an environment variable; nil is os.LookupEnv.
	Env func(name string) (value string, ok bool)
	// Dir is ${CWD}, and what relative names in Files are relative to; "" is the current directory.
	Dir string
	// UID is ${UID}; nil is the real user id of this process.
	UID *int
	// ReadFile reads a file whole; nil is the file system. It must bound what it returns; MaxFile is checked again.
	ReadFile func(name string) ([]byte, error)
	// ABI gives the numbers of error names; the zero value is the native one.
	ABI arch.ABI
}

// Load reads the files and presets of o and merges them into one document. An error is a list of *Error, joined, each with the
// place of its cause.
func Load(o Options) (*policy.Document, error) {
	l := newLoader(o)
	for _, name := range o.Files {
		l.loadFile(name)
	}
	return l.finish()
}

// Parse is Load of a text that is already there, as if it were a file of that name. o.Files follow it.
func Parse(name string, text []byte, o Options) (*policy.Document, error) {
	l := newLoader(o)
	l.loadText(origin{name: name}, text)
	for _, file := range o.Files {
		l.loadFile(file)
	}
	return l.finish()
}

// Schema returns the JSON schema (draft 2020-12) of a policy file.
func Schema() []byte { return []byte(schema) }

//go:embed stead.schema.json
var schema string

// readFile reads at most one byte more than is accepted, so that a device or a pipe without end is an error too.
func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, MaxFile+1))
}
