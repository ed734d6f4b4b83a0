package integration

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stead-project/stead/internal/testneed"
)

// A docStep is a command of a document, and what the document says that it prints.
type docStep struct {
	line    int
	command string
	want    []string
	file    string // instead of a command: write want to it
	add     bool   // at its end
}

// fileNamed is how the text before a block says which file it is.
var fileNamed = regexp.MustCompile("`([a-z.]+)`:$")

// docSteps reads the console and YAML blocks of a document.
func docSteps(text string) (list []docStep) {
	block, before := "", ""
	for i, line := range strings.Split(text, "\n") {
		switch {
		case block == "" && strings.HasPrefix(line, "```"):
			block = strings.TrimPrefix(line, "```")
			if m := fileNamed.FindStringSubmatch(before); block == "yaml" && m != nil {
				list = append(list, docStep{line: i + 1, file: m[1], add: strings.Contains(before, "Add to")})
			}
		case line == "```":
			block = ""
		case block == "console" && strings.HasPrefix(line, "$ "):
			list = append(list, docStep{line: i + 1, command: line[2:]})
		case block != "" && len(list) > 0:
			list[len(list)-1].want = append(list[len(list)-1].want, line)
		case line != "":
			before = line
		}
	}
	return list
}

// pattern is what a step may print: … stands for anything on its line, and for any lines where it is alone.
func (s *docStep) pattern() *regexp.Regexp {
	var b strings.Builder
	b.WriteString(`\A`)
	for _, line := range s.want {
		if line == "…" {
			b.WriteString(`(?:.*\n)*?`)
			continue
		}
		words := strings.Fields(line)
		for i := range words {
			words[i] = strings.ReplaceAll(regexp.QuoteMeta(words[i]), "…", ".*")
		}
		b.WriteString(`[ \t]*` + strings.Join(words, `[ \t]+`) + `[ \t]*\n`)
	}
	b.WriteString(`\z`)
	return regexp.MustCompile(b.String())
}

const stepMark = "=== step "

// script is all steps as one shell, with a mark before the output of each.
func script(list []docStep, port string) string {
	var b strings.Builder
	b.WriteString("exec 2>&1\n")
	ready := "for i in $(seq 200); do curl -s -o /dev/null http://127.0.0.1:" + port + "/ && break; sleep 0.05; done"
	for i := range list {
		s := &list[i]
		fmt.Fprintf(&b, "echo '%s%d'\n", stepMark, i)
		switch {
		case s.file != "" && s.add:
			fmt.Fprintf(&b, "cat >>%s <<'END'\n%s\nEND\n", s.file, strings.Join(s.want, "\n"))
		case s.file != "":
			fmt.Fprintf(&b, "cat >%s <<'END'\n%s\nEND\n", s.file, strings.Join(s.want, "\n"))
		case s.command == "sleep 1":
			b.WriteString(ready + "\n")
		default:
			b.WriteString(s.command + "\n")
		}
	}
	return strings.ReplaceAll(b.String(), "8080", port)
}

// freePort is a port that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// Whoever follows the tutorial sees what it says.
func TestPolicyTutorial(t *testing.T) {
	testneed.Programs(t, "busybox", "curl", "sed", "seq")
	needLandlock(t)
	text, err := os.ReadFile("../docs/policy-tutorial.md")
	if err != nil {
		t.Fatal(err)
	}
	list := docSteps(string(text))
	if len(list) < 20 {
		t.Fatalf("%d steps found", len(list))
	}
	port, dir := freePort(t), t.TempDir()
	search := filepath.Join(dir, "bin")
	if err := os.Mkdir(search, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(stead(t), filepath.Join(search, "stead")); err != nil {
		t.Fatal(err)
	}
	work := filepath.Join(dir, "work")
	if err := os.Mkdir(work, 0o755); err != nil {
		t.Fatal(err)
	}
	r := command{argv: []string{"/bin/sh", "-c", "PATH=" + search + ":$PATH\n" + script(list, port)}, dir: work}.run(t)
	compareSteps(t, list, r.stdout, port)
}

func compareSteps(t *testing.T, list []docStep, out, port string) {
	t.Helper()
	parts := strings.Split("\n"+out, "\n"+stepMark)
	if len(parts) != len(list)+1 {
		t.Fatalf("%d outputs of %d steps:\n%s", len(parts)-1, len(list), out)
	}
	for i := range list {
		s := &list[i]
		_, got, _ := strings.Cut(parts[i+1], "\n")
		if got != "" && !strings.HasSuffix(got, "\n") {
			got += "\n"
		}
		got = strings.ReplaceAll(got, port, "8080")
		if s.file == "" && !s.pattern().MatchString(got) {
			t.Errorf("docs/policy-tutorial.md:%d: $ %s\nprinted\n%s\nwanted\n%s", s.line, s.command, got, strings.Join(s.want, "\n"))
		}
	}
}

// The comparison sees what differs.
func TestStepPattern(t *testing.T) {
	s := docStep{want: []string{"a … c", "…", "end"}}
	for text, want := range map[string]bool{"a b c\nend\n": true, "a  b  c\nx\ny\nend\n": true, "a b d\nend\n": false, "a b c\nend\nmore\n": false,
		"a b c\n": false, "": false} {
		if got := s.pattern().MatchString(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
	if s := (docStep{}); s.pattern().MatchString("something\n") {
		t.Error("output where none is expected is accepted")
	}
}
