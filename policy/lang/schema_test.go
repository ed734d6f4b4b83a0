package lang

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"

	"github.com/stead-project/stead/policy/presets"
)

const (
	docs     = "../../docs"
	examples = "../../examples/policies"
)

func compileSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource("stead.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("stead.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func validate(t *testing.T, s *jsonschema.Schema, text []byte) error {
	t.Helper()
	var v any
	if err := yaml.Unmarshal(text, &v); err != nil {
		t.Fatalf("%s\n%v", text, err)
	}
	return s.Validate(v)
}

// The documentation has the schema that is built in.
func TestSchemaIsPublished(t *testing.T) {
	published, err := os.ReadFile(filepath.Join(docs, "stead.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(published, Schema()) {
		t.Error("docs/stead.schema.json is not policy/lang/stead.schema.json: copy it")
	}
}

// examplePolicies are all policies that are shipped.
func examplePolicies(t *testing.T) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for _, name := range presets.Names() {
		all["preset:"+name], _ = presets.Read(name)
	}
	files, err := filepath.Glob(filepath.Join(examples, "*.yaml"))
	more, err2 := filepath.Glob("testdata/policies/*.yaml")
	if len(files) < 4 || len(more) < 3 {
		t.Fatalf("%d and %d examples, %v, %v", len(files), len(more), err, err2)
	}
	files = append(files, more...)
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = text
	}
	return all
}

func TestSchemaTakesWhatIsShipped(t *testing.T) {
	s := compileSchema(t)
	for name, text := range examplePolicies(t) {
		if err := validate(t, s, text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Where only the structure is at fault, the schema refuses what the parser refuses; where it is right, both take it.
func TestSchemaAgreesWithParser(t *testing.T) {
	s := compileSchema(t)
	for _, text := range []string{
		"version: 1", "version: 1\nname: x\ndefault: log", "version: 1\ndefault: deny", "version: 1\ndefault: {deny: EACCES}",
		"version: 1\ndefault: {return: 0, quiet: true}", "version: 1\ndefault: {return: -5000}", "version: 1\nnetwork: {}",
		"version: 1\nvars: {a: x, b: 5}", "version: 1\nfiles: {read: /usr, write: []}", "version: 1\nexec: [/bin]",
		"version: 1\nrules: []", "version: 1\nrules: [{calls: open, then: ask}]",
		"version: 1\nrules: [{calls: [open], then: {deny: EPERM}, when: [a, b], name: x, quiet: true, race: accepted}]",
		"version: 1\nrules: [{calls: mount, then: perform, force: nosuid}]", "version: 1\ninclude: preset:base",
		"version: 1\nnetwork: {listen: [':80'], connect: '*'}",
	} {
		if _, err := parse(text); err != nil {
			t.Errorf("parser: %s: %v", text, err)
		}
		if err := validate(t, s, []byte(text)); err != nil {
			t.Errorf("schema: %s: %v", text, err)
		}
	}
	for _, text := range []string{
		"[]", "{}", "version: 2", "version: '1'", "version: 1\nfoo: 1", "version: 1\nname: 5", "version: 1\nname: [x]",
		"version: 1\nname: \"a\\nb\"", "version: 1\ndefault: alow", "version: 1\ndefault: return", "version: 1\ndefault: {deny: 1}",
		"version: 1\ndefault: {deny: eperm}", "version: 1\ndefault: {}", "version: 1\ndefault: {quiet: true}",
		"version: 1\ndefault: {deny: EPERM, return: 1}", "version: 1\ndefault: {return: -1}", "version: 1\ndefault: {return: x}",
		"version: 1\ndefault: {deny: EPERM, quiet: 1}", "version: 1\ndefault: {allow: true}", "version: 1\nvars: []",
		"version: 1\nvars: {HOME: x}", "version: 1\nvars: {1a: x}", "version: 1\nvars: {a: [x]}", "version: 1\nvars: {a: ''}",
		"version: 1\nvars: {a: null}", "version: 1\nrules: {}", "version: 1\nrules: [x]", "version: 1\nrules: [{calls: open}]",
		"version: 1\nrules: [{then: allow}]", "version: 1\nrules: [{calls: [], then: allow}]", "version: 1\nrules: [{calls: 5, then: allow}]",
		"version: 1\nrules: [{calls: open, then: allow, wen: x}]", "version: 1\nrules: [{calls: open, then: allow, when: true}]",
		"version: 1\nrules: [{calls: open, then: allow, when: ' '}]", "version: 1\nrules: [{calls: open, then: allow, when: []}]",
		"version: 1\nrules: [{calls: open, then: allow, race: true}]", "version: 1\nrules: [{calls: open, then: allow, quiet: x}]",
		"version: 1\nrules: [{calls: open, then: allow, name: ''}]", "version: 1\nrules: [{calls: mount, then: allow, force: [nosuid]}]",
		"version: 1\nrules: [{calls: mount, then: perform, force: [x]}]", "version: 1\nfiles: []", "version: 1\nfiles: {raed: []}",
		"version: 1\nfiles: {read: {}}", "version: 1\nfiles: {read: null}", "version: 1\nfiles: {read: [usr]}", "version: 1\nfiles: {read: ['']}",
		"version: 1\nnetwork: {bind: []}", "version: 1\nnetwork: {connect: [80]}", "version: 1\nnetwork: {connect: ['']}", "version: 1\nnetwork: []",
		"version: 1\nexec: {}", "version: 1\nexec: [5]", "version: 1\ninclude: [5]", "version: 1\ninclude: ''", "version: 1\ninclude: {}",
	} {
		if _, err := parse(text); err == nil {
			t.Errorf("parser takes %s", text)
		}
		if err := validate(t, s, []byte(text)); err == nil {
			t.Errorf("schema takes %s", text)
		}
	}
}
