package container

import (
	"slices"

	"github.com/stead-project/stead/policy"
)

// A lending is what a rule says of how its calls are performed.
type lending struct{ policy.Grant }

// lends says whether the rule lends the supervisor's rights where the call can do without. Mounting cannot.
func (g *lending) lends() bool { return g.As == policy.AsSupervisor }

// refuses says whether the rule refuses an option.
func (g *lending) refuses(v option) bool {
	return slices.Contains(g.Refuse, v.key) || slices.Contains(g.Refuse, v.String())
}

// mayMountFrom says whether the rule names a place of block devices and images.
func (g *lending) mayMountFrom(path string) bool {
	return g.Sources != nil && g.Sources.Holds([]byte(path))
}

func (o *op) refuses(v option) bool { return o.grant.refuses(v) }

// refusedOption is the first of mount's options that the rule refuses; "": it has none.
func (o *op) refusedOption() string {
	if len(o.grant.Refuse) == 0 {
		return ""
	}
	for _, v := range parseOptions(o.optionText()) {
		if o.grant.refuses(v) {
			return v.String()
		}
	}
	return ""
}
