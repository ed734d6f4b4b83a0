package lang

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/stead-project/stead/policy"
)

// maxPath is PATH_MAX less the NUL (include/uapi/linux/limits.h).
const maxPath = 4095

// patterns returns a reader of a list of paths, which adds to a list what it has not yet.
func (p *parser) patterns(to *[]policy.Pattern, what string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		have := make(map[policy.Pattern]bool, len(*to))
		for _, x := range *to {
			x.Pos = policy.Pos{}
			have[x] = true
		}
		p.list(n, what, func(item *yaml.Node) {
			x, ok := p.pattern(item)
			if ok && !have[x] {
				have[x] = true
				x.Pos = p.pos(item)
				*to = append(*to, x)
			}
		})
	}
}

// pattern reads one path, without its place.
func (p *parser) pattern(n *yaml.Node) (policy.Pattern, bool) {
	t, ok := p.expand(n, "a path")
	if !ok {
		return policy.Pattern{}, false
	}
	x, err := parsePattern(t)
	if err != nil {
		p.fault(n, "%w", err)
	}
	return x, err == nil
}

// parsePattern tells a path from a glob. In a glob, a backslash takes its meaning from what follows; in a path there is nothing to
// be taken, and none is left.
func parsePattern(t marked) (policy.Pattern, error) {
	plain, glob, isGlob, err := unescape(t)
	if err != nil {
		return policy.Pattern{}, err
	}
	text := plain
	if isGlob {
		text = glob
	}
	clean, err := cleanPath(text)
	if err == nil && isGlob {
		err = checkGlob(clean)
	}
	return policy.Pattern{Path: clean, Glob: isGlob}, err
}

// An unescaper reads a path or glob byte by byte.
type unescaper struct {
	plain, glob strings.Builder
	isGlob      bool
	class       bool // inside [ and ]
}

// unescape returns the text as a literal path and as a glob, and says whether it has glob characters that are the policy's own.
func unescape(t marked) (plain, glob string, isGlob bool, err error) {
	var u unescaper
	for i := 0; i < len(t.s); i++ {
		literal := t.isData(i)
		if t.is(i, '\\') {
			if i++; i == len(t.s) {
				return "", "", false, fmt.Errorf(`%s ends with a lone backslash: write \\ for one`, clip(t.s))
			}
			literal = true
		}
		if err := u.add(t.s[i], literal); err != nil {
			return "", "", false, fmt.Errorf("%s: %w", clip(t.s), err)
		}
	}
	return u.plain.String(), u.glob.String(), u.isGlob, nil
}

func (u *unescaper) add(c byte, literal bool) error {
	switch {
	case u.class && literal:
		return errors.New(`in [ and ] stand the characters themselves, without variables and \`)
	case literal && isMeta(c):
		u.glob.WriteByte('\\')
	case !literal && (c == '{' || c == '}'):
		return fmt.Errorf(`braces are no alternatives here: write a list of paths, or \%c for the character`, c)
	case !literal && (c == '*' || c == '?' || c == '['):
		u.isGlob = true
		u.class = u.class || c == '['
	case !literal && c == ']':
		u.class = false
	}
	u.plain.WriteByte(c)
	u.glob.WriteByte(c)
	return nil
}

func isMeta(c byte) bool { return strings.IndexByte(`*?[]{}\`, c) >= 0 }

// cleanPath demands an absolute path, and takes doubled and trailing slashes out.
func cleanPath(s string) (string, error) {
	if !strings.HasPrefix(s, "/") {
		return "", relativePath(s)
	}
	if strings.ContainsAny(s, "\x00\n") {
		return "", fmt.Errorf("%s has a NUL or a newline: such a path is a mistake", clip(s))
	}
	if len(s) > maxPath {
		return "", fmt.Errorf("a path of more than %d bytes, which the kernel does not take", maxPath)
	}
	parts := slices.DeleteFunc(strings.Split(s, "/"), func(part string) bool { return part == "" })
	for _, part := range parts {
		if part == "." || part == ".." {
			return "", fmt.Errorf("%s has %q in it: write %s", clip(s), part, path.Clean(s))
		}
	}
	return "/" + strings.Join(parts, "/"), nil
}

func relativePath(s string) error {
	switch rest, home := strings.CutPrefix(s, "~"); {
	case s == "":
		return errors.New("an empty path: write / for everything")
	case home:
		return fmt.Errorf("%s: write ${HOME}%s", clip(s), rest)
	case strings.HasPrefix(s, "../"), s == "..":
		return fmt.Errorf("%s is not absolute: write the whole path", clip(s))
	}
	return fmt.Errorf("%s is not absolute: write ${CWD}%s, or the whole path", clip(s), path.Join("/", s))
}

// checkGlob refuses what no two programs read alike: the globs of conditions (policy/cond) take all that is left.
func checkGlob(glob string) error {
	for part := range strings.SplitSeq(strings.TrimPrefix(glob, "/"), "/") {
		if part != "**" && strings.Contains(part, "**") {
			return fmt.Errorf("%s: ** stands for whole directories: write /**/", clip(glob))
		}
		if _, err := path.Match(part, ""); err != nil || emptyRange(part) {
			return fmt.Errorf(`%s is no pattern: write classes as [a-z] or [^a-z], and \[ for a bracket`, clip(glob))
		}
	}
	return nil
}

// emptyRange finds [z-a].
func emptyRange(part string) bool {
	open := false
	for i := 0; i < len(part); i++ {
		switch c := part[i]; {
		case c == '\\' && !open:
			i++
		case c == '[' || c == ']':
			open = c == '['
		case open && c == '-' && i+1 < len(part) && part[i-1] > part[i+1]:
			return true
		}
	}
	return false
}
