package stracecmp

import "strings"

// parseCall takes "name(args) = result" apart. It reports false for anything else.
func parseCall(text string) (Call, bool) {
	name, rest, ok := strings.Cut(text, "(")
	if !ok || !callName.MatchString(name) {
		return Call{}, false
	}
	args, after, closed := splitArgs(rest)
	c := Call{Name: name, Args: args, Cut: !closed}
	if _, result, ok := strings.Cut(after, "= "); ok {
		c.Result = strings.TrimSpace(result)
	}
	return c, true
}

// splitArgs cuts an argument list at its top-level commas and stops at the bracket that closes it. after is what
// follows that bracket.
func splitArgs(s string) (args []string, after string, closed bool) {
	depth, start := 0, 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			i = skipString(s, i)
		case '/':
			i = skipComment(s, i)
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			if depth == 0 {
				return appendArg(args, s[start:i]), s[i+1:], true
			}
			depth--
		case ',':
			if depth == 0 {
				args, start = appendArg(args, s[start:i]), i+1
			}
		}
	}
	return appendArg(args, s[start:]), "", false
}

func appendArg(args []string, s string) []string {
	if s = strings.TrimSpace(s); s == "" {
		return args
	}
	return append(args, s)
}

// skipString returns the place of the quote that ends the string which begins at i, or the last place of s.
func skipString(s string, i int) int {
	for i++; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return len(s) - 1
}

// skipComment returns the last place of a comment that begins at i, or i if none does.
func skipComment(s string, i int) int {
	if !strings.HasPrefix(s[i:], "/*") {
		return i
	}
	if end := strings.Index(s[i:], "*/"); end > 0 {
		return i + end + 1
	}
	return i
}

// outside applies f to the parts of s that are not inside quotes.
func outside(s string, f func(string) string) string {
	if !strings.Contains(s, `"`) {
		return f(s)
	}
	var b strings.Builder
	for s != "" {
		start := strings.IndexByte(s, '"')
		if start < 0 {
			b.WriteString(f(s))
			break
		}
		end := skipString(s, start) + 1
		b.WriteString(f(s[:start]))
		b.WriteString(s[start:end])
		s = s[end:]
	}
	return b.String()
}
