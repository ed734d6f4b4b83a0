package compiler

import (
	"strings"
	"testing"
)

// A rule whose condition holds only where rules before it decide is reported, once, with what decides.
func TestShadowed(t *testing.T) {
	p := compiled(t, `
default: {deny: EPERM}
rules:
  - {name: signals, calls: [kill, tkill], when: 'sig in [1, 2, 3]', then: deny}
  - {name: two, calls: [kill], when: sig == 2, then: {deny: ENOENT}}
  - {name: four, calls: [kill, tkill], when: 'sig in [2, 4]', then: {deny: ENOENT}}
  - {name: three and four, calls: [kill], when: 'sig in [3, 4]', then: {deny: ENOSYS}}
  - {name: one call is left, calls: [kill, tgkill], when: sig == 2, then: {deny: ENOENT}}
  - {name: sources, calls: [mknodat], when: 'pathname.under("/srv")', then: deny}
  - {name: below, calls: [mknodat], when: 'pathname.under("/srv/x") && mode == 5', then: {deny: ENOENT}}
  - {name: beside, calls: [mknodat], when: 'pathname.under("/srv2")', then: {deny: ENOENT}}
`, both)
	var got []string
	for _, w := range p.Shadowed() {
		got = append(got, w.Text)
	}
	want := []string{"rule two decides nothing: rule signals decides already where its condition holds",
		"rule three and four decides nothing: the rules before it decide already where its condition holds",
		"rule below decides nothing: rule sources decides already where its condition holds"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
