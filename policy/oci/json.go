package oci

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/stead-project/stead/policy"
)

// Bounds of what is read. The largest profile in use has 2,000 nodes in 20 KB.
const (
	maxBytes = 4 << 20
	maxNodes = 200_000
	maxDepth = 32
)

// A kind is the type of a JSON value.
type kind uint8

const (
	kindNull kind = iota
	kindBool
	kindNumber
	kindString
	kindArray
	kindObject
)

func (k kind) String() string {
	return [...]string{"null", "true or false", "a number", "a string", "a list", "an object"}[k]
}

// A node is a JSON value with its place, which encoding/json does not keep.
type node struct {
	kind   kind
	offset int
	text   string // of a string or number
	list   []node // elements of an array; values of an object
	keys   []key  // of an object
}

type key struct {
	name   string
	offset int
}

// A reader builds nodes from text.
type reader struct {
	file  string
	text  []byte
	dec   *json.Decoder
	nodes int
	lines []int // where lines begin
}

// readJSON reads one JSON value, and nothing after it.
func readJSON(file string, r io.Reader) (*reader, *node, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxBytes+1))
	if err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", file, err)
	}
	in := &reader{file: file, text: text, lines: []int{0}}
	if len(text) > maxBytes {
		return in, nil, fmt.Errorf("read %s: more than %d bytes, which no profile has", file, maxBytes)
	}
	if !utf8.Valid(text) {
		return in, nil, fmt.Errorf("read %s: not UTF-8", file)
	}
	in.lines = lineStarts(text)
	in.dec = json.NewDecoder(bytes.NewReader(text))
	in.dec.UseNumber()
	root, err := in.value(0)
	if err != nil {
		return in, nil, err
	}
	if _, err := in.dec.Token(); !errors.Is(err, io.EOF) {
		return in, nil, in.errorf(int(in.dec.InputOffset()), "text after the end of the profile")
	}
	return in, root, nil
}

// value reads the next value. Depth counts the values around it.
func (in *reader) value(depth int) (*node, error) {
	tok, offset, err := in.token()
	if err != nil {
		return nil, err
	}
	if in.nodes++; in.nodes > maxNodes {
		return nil, in.errorf(offset, "more than %d values", maxNodes)
	}
	if depth > maxDepth {
		return nil, in.errorf(offset, "nested more than %d deep", maxDepth)
	}
	n := &node{offset: offset}
	switch v := tok.(type) {
	case json.Delim:
		return n, in.compound(n, v, depth)
	case string:
		n.kind, n.text = kindString, v
	case json.Number:
		n.kind, n.text = kindNumber, v.String()
	case bool:
		n.kind = kindBool
	}
	return n, nil
}

func (in *reader) compound(n *node, open json.Delim, depth int) error {
	if open == '[' {
		n.kind = kindArray
		return in.array(n, depth)
	}
	n.kind = kindObject
	return in.object(n, depth)
}

func (in *reader) array(n *node, depth int) error {
	for in.dec.More() {
		v, err := in.value(depth + 1)
		if err != nil {
			return err
		}
		n.list = append(n.list, *v)
	}
	_, _, err := in.token()
	return err
}

// object refuses a key that is there twice: readers differ in which one they take.
func (in *reader) object(n *node, depth int) error {
	seen := map[string]bool{}
	for in.dec.More() {
		tok, offset, err := in.token()
		if err != nil {
			return err
		}
		name, _ := tok.(string)
		folded := strings.ToLower(name)
		if seen[folded] {
			return in.errorf(offset, "%q is there twice", name)
		}
		seen[folded] = true
		v, err := in.value(depth + 1)
		if err != nil {
			return err
		}
		n.keys, n.list = append(n.keys, key{name, offset}), append(n.list, *v)
	}
	_, _, err := in.token()
	return err
}

// token also says where the token begins.
func (in *reader) token() (json.Token, int, error) {
	before := int(in.dec.InputOffset())
	tok, err := in.dec.Token()
	offset := before + len(in.text[before:]) - len(bytes.TrimLeft(in.text[before:], " \t\r\n,:"))
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, 0, in.errorf(len(in.text), "the profile ends too early")
	case err != nil:
		return nil, 0, in.errorf(offset, "not JSON: %w", err)
	}
	return tok, offset, nil
}

// pos is the line and column of an offset.
func (in *reader) pos(offset int) policy.Pos {
	offset = max(0, min(offset, len(in.text)))
	line, found := slices.BinarySearch(in.lines, offset)
	if !found {
		line--
	}
	return policy.Pos{File: in.file, Line: line + 1, Column: offset - in.lines[line] + 1}
}

func lineStarts(text []byte) []int {
	starts := []int{0}
	for i, c := range text {
		if c == '\n' {
			starts = append(starts, i+1)
		}
	}
	return starts
}

func (in *reader) errorf(offset int, format string, args ...any) error {
	return fmt.Errorf("%s: %w", in.pos(offset), fmt.Errorf(format, args...))
}

// get returns the value of a key, nil if it has none or null. Keys are compared as the engines' own reader does, without regard
// to case.
func (n *node) get(name string) *node {
	for i := range n.keys {
		if strings.EqualFold(n.keys[i].name, name) && n.list[i].kind != kindNull {
			return &n.list[i]
		}
	}
	return nil
}
