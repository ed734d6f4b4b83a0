package container

import (
	"slices"
	"strings"
	"testing"
)

// TestOldOverlay mounts as for a kernel whose overlay takes no layers one by one. Only what mountinfo shows of the layers is another thing.
func TestOldOverlay(t *testing.T) {
	needRoot(t)
	shown := func(r report) bool {
		return strings.HasPrefix(r.Step, "mounted ") || strings.HasPrefix(r.Step, "remounted ")
	}
	for env, p := range environments() {
		t.Run(env, func(t *testing.T) {
			p.Scenario = "overlay"
			want := slices.DeleteFunc(native(t, p), shown)
			p.Drop = true
			same(t, want, slices.DeleteFunc(supervised(t, p, supervision{old: true}), shown))
		})
	}
}

func TestLayerText(t *testing.T) {
	fd := func(key string, n int) setting { return setting{option: option{key: key}, fd: n} }
	for want, list := range map[string][]setting{
		"": nil,
		"lowerdir=5:6::7::8,upperdir=9,workdir=10,metacopy=on,volatile": {fd("lowerdir", 0), fd("lowerdir+", 5), fd("lowerdir+", 6), fd("datadir+", 7),
			fd("datadir+", 8), fd("upperdir", 9), fd("workdir", 10), {option: option{key: "metacopy", value: "on"}}, {option: option{key: "volatile", flag: true}}},
		"lowerdir=6": {fd("lowerdir+", 5), fd("lowerdir", 0), fd("lowerdir+", 6)},
	} {
		if got := layerText(list); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
