package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestMistakes are wrong command lines: each is answered by one line that says what is right.
func TestMistakes(t *testing.T) {
	for line, pieces := range map[string][]string{
		"nonsense":                             {`"nonsense"`},
		"trace":                                {"no command", "stead trace [flags] [--] COMMAND"},
		"run":                                  {"no command", "stead run [flags] [--] COMMAND"},
		"trace --nope true":                    {"--nope", "stead trace --help"},
		"run -q true":                          {"-q", "stead run --help"},
		"trace --format xml true":              {`"xml"`, "text or json"},
		"run --log-format xml true":            {`"xml"`, "json or text"},
		"trace --calls opennat true":           {`"opennat"`, "did you mean openat?"},
		"trace --calls %fiel true":             {`"%fiel"`, "did you mean %file?"},
		"trace -t=noon true":                   {`"noon"`, "none, clock, unix or relative"},
		"trace --color=red true":               {`"red"`, "auto, always or never"},
		"trace -s -1 true":                     {"-1", "0 or more"},
		"trace -s much true":                   {`"much"`, "stead trace --help"},
		"--log-level loud run true":            {`"loud"`, "trace, debug, info, warn, error, off"},
		"syscalls --abi pdp11":                 {`"pdp11"`, "x86_64"},
		"doctor now":                           {`"now"`},
		"version now":                          {`"now"`},
		"trace -o /nowhere/at/all true":        {"/nowhere/at/all", "no such file or directory"},
		"run --log /nowhere/at/all true":       {"/nowhere/at/all", "no such file or directory"},
		"run --log / true":                     {"is a directory"},
		"run -- stead run true":                {"supervises this process already", "kernel allows one", "outside of it"},
		"run -- stead trace true":              {"supervises this process already", "stead doctor"},
		"trace -o /dev/null -- stead run true": {"supervises this process already"},
	} {
		args := strings.Fields(line)
		for i := range args {
			if i > 0 && args[i] == "stead" {
				args[i] = steadPath()
			}
		}
		t.Run(line, func(t *testing.T) { wantError(t, stead(t, args...), exitFailure, pieces...) })
	}
}

// A wrong flag must not cost the file that the output would go to.
func TestMistakeKeepsOutput(t *testing.T) {
	file := filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(file, []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, flag := range []string{"--format=xml", "--color=red", "-t=noon", "--calls=opennat", "-s=-1"} {
		stead(t, "trace", "-o", file, flag, "true")
		if text, err := os.ReadFile(file); err != nil || string(text) != "kept" {
			t.Fatalf("%s: %q, %v", flag, text, err)
		}
	}
}

// TestExecutionErrors compares with env(1), which gives the codes and looks for programs as execvp(3) does.
func TestExecutionErrors(t *testing.T) {
	dir := t.TempDir()
	files := map[string]struct {
		text string
		mode os.FileMode
	}{
		"plain":     {"no program", 0o644},
		"script":    {"echo \"script $0 $*\"; exit 3\n", 0o755},
		"badinterp": {"#!/no/such/interpreter\n", 0o755},
		"binary":    {"\x7fELF but not really\n", 0o755},
		"empty":     {"", 0o755},
	}
	for name, f := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(f.text), f.mode); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"plain", "script", "badinterp", "empty", "./plain", "./script", "./badinterp", "./binary", "./empty",
		"plain/below", "./plain/below", ".", "/", "/nowhere/at/all", "nosuchprogram", "", strings.Repeat("x", 300), strings.Repeat("y/", 3000)} {
		t.Run(name[:min(len(name), 20)], func(t *testing.T) {
			path := []string{"PATH=/usr/sbin:" + dir + ":/usr/bin:/bin:/etc"}
			want := launch{argv: []string{"/usr/bin/env", "--", name, "a", "b c"}, dir: dir, env: path}.run(t)
			got := launch{args: []string{"run", "--", name, "a", "b c"}, dir: dir, env: path}.run(t)
			if got.code != want.code || got.stdout != want.stdout {
				t.Errorf("%+v, env says %+v", got, want)
			}
			if (got.code == exitCannotExecute || got.code == exitNotFound) && want.code != 3 && strings.HasPrefix(want.stderr, "/usr/bin/env") {
				wantError(t, got, want.code)
			}
		})
	}
}

// TestSearchPath is what execvp(3) does with unusual search paths.
func TestSearchPath(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "here"), []byte("#!/bin/sh\necho here\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, search := range []string{"PATH=", "PATH=:/bin", "PATH=/bin:", "PATH=.:/bin", "PATH=/bin", "-uPATH"} {
		for _, name := range []string{"here", "true"} {
			argv := []string{"/usr/bin/env", search}
			want := launch{argv: append(argv, "/usr/bin/env", name), dir: dir}.run(t)
			got := launch{argv: append(argv, steadPath(), "run", name), dir: dir}.run(t)
			if got.code != want.code || got.stdout != want.stdout {
				t.Errorf("%s %s: %+v, env says %+v", search, name, got, want)
			}
		}
	}
}

func TestFewDescriptors(t *testing.T) {
	for _, n := range []string{"8", "10", "12"} {
		wantError(t, shell(t, "ulimit -n "+n+"; exec $STEAD run -- /bin/sh -c 'exit 7'"), exitFailure, "descriptors", "ulimit -n")
	}
	if r := shell(t, "ulimit -n 40; exec $STEAD run -- /bin/sh -c 'exit 7'"); r.code != 7 {
		t.Errorf("%+v, want code 7", r)
	}
}

// A program that has no descriptors left meets its own limit, as it would without a supervisor.
func TestProgramWithoutDescriptors(t *testing.T) {
	const script = `ulimit -S -n 6; exec 3</dev/null 4</dev/null 5</dev/null; read x </etc/hostname; echo "status $?"; ulimit -n; ulimit -Hn`
	want := launch{argv: []string{"/bin/sh", "-c", script}}.run(t)
	got := stead(t, "run", "--", "/bin/sh", "-c", script)
	if got != want || !strings.Contains(want.stderr, "open") {
		t.Errorf("%+v, without stead %+v", got, want)
	}
}
