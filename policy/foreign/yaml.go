package foreign

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
)

// lineWidth is where lists of calls are broken.
const lineWidth = 120

// YAML writes a document of rules as a policy file; error numbers get the names that they have on the ABI. Documents with short
// forms are not what an import makes.
func YAML(d *policy.Document, abi arch.ABI) []byte {
	var b strings.Builder
	b.WriteString("version: 1\n")
	if d.Name != "" {
		fmt.Fprintf(&b, "name: %s\n", quoted(d.Name))
	}
	fmt.Fprintf(&b, "default: %s\n", actionYAML(d.Default, abi))
	if len(d.Rules) > 0 {
		b.WriteString("rules:\n")
	}
	for _, r := range d.Rules {
		for line := range strings.Lines(RuleYAML(r, abi)) {
			b.WriteString("  " + line)
		}
	}
	return []byte(b.String())
}

// RuleYAML is one item of `rules`.
func RuleYAML(r policy.Rule, abi arch.ABI) string {
	var b strings.Builder
	if r.Name != "" {
		fmt.Fprintf(&b, "- name: %s\n  ", quoted(r.Name))
	} else {
		b.WriteString("- ")
	}
	b.WriteString("calls: " + callsYAML(r.Calls) + "\n")
	if r.When.Text != "" {
		fmt.Fprintf(&b, "  when: %s\n", single(r.When.Text))
	}
	fmt.Fprintf(&b, "  then: %s\n", actionYAML(r.Then, abi))
	if r.Then.Quiet {
		b.WriteString("  quiet: true\n")
	}
	return b.String()
}

// callsYAML is a flow list, broken into lines.
func callsYAML(s arch.Selection) string {
	if s == arch.AllCalls() {
		return "[all]"
	}
	var b strings.Builder
	b.WriteString("[")
	column := len("- calls: [")
	for i, id := range s.IDs() {
		item := id.Name()
		if i > 0 {
			b.WriteString(",")
			column++
			if column+len(item)+3 > lineWidth {
				b.WriteString("\n   ")
				column = 3
			}
			item = " " + item
		}
		b.WriteString(item)
		column += len(item)
	}
	return b.String() + "]"
}

func actionYAML(a policy.Action, abi arch.ABI) string {
	switch a.Verdict {
	case policy.Deny:
		return "{deny: " + errnoYAML(a, abi) + "}"
	case policy.Return:
		return "{return: " + strconv.FormatInt(a.Value, 10) + "}"
	}
	return a.Verdict.String()
}

func errnoYAML(a policy.Action, abi arch.ABI) string {
	if a.Errno == 0 {
		return "EPERM"
	}
	if name := abi.ErrnoName(int(a.Errno)); name != "" {
		return name
	}
	return strconv.Itoa(int(a.Errno))
}

// single is a single-quoted scalar, in which only the quote itself is special (YAML 1.2.2, 7.3.2).
func single(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// quoted is a double-quoted scalar; what Go escapes, YAML reads alike (YAML 1.2.2, 5.7). A dollar would begin a variable.
func quoted(s string) string {
	return strconv.QuoteToASCII(strings.ReplaceAll(strings.ToValidUTF8(s, "?"), "$", "_"))
}
