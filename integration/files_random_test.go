package integration

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A thicket is a random tree of directories, files, links and hard links, all of whose files are programs.
type thicket struct {
	r     *rand.Rand
	root  string
	dirs  []string
	files []string
	alone []string          // directories, and files that have one name
	links map[string]string // symbolic ones, to where they lead
}

// grow makes a tree; the same seed makes the same one anywhere.
func grow(t *testing.T, seed uint64, root, program string) *thicket {
	t.Helper()
	k := &thicket{r: rand.New(rand.NewPCG(seed, 1)), root: root, links: map[string]string{}}
	text, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	k.dirs = []string{root}
	for i := range 7 {
		dir := filepath.Join(k.dirs[k.r.IntN(len(k.dirs))], "d"+strconv.Itoa(i))
		must(os.Mkdir(dir, 0o755))
		k.dirs = append(k.dirs, dir)
		file := filepath.Join(dir, "f")
		must(os.WriteFile(file, text, 0o755))
		k.files = append(k.files, file)
	}
	k.alone = append(slices.Clone(k.dirs[1:]), k.files[:4]...)
	for i := range 4 { // a rule of Landlock is an inode's, whatever its name
		hard := filepath.Join(k.dirs[k.r.IntN(len(k.dirs))], "h"+strconv.Itoa(i))
		must(os.Link(k.files[4+k.r.IntN(3)], hard))
		k.files = append(k.files, hard)
	}
	for i := range 4 {
		link := filepath.Join(k.dirs[k.r.IntN(len(k.dirs))], "s"+strconv.Itoa(i))
		to := k.existing()
		must(os.Symlink(to, link))
		k.links[link] = to
	}
	return k
}

func (k *thicket) existing() string {
	if k.r.IntN(3) == 0 {
		return k.dirs[1+k.r.IntN(len(k.dirs)-1)]
	}
	return k.files[k.r.IntN(len(k.files))]
}

// any is a path to something, through a link perhaps, or to nothing.
func (k *thicket) any() string {
	switch k.r.IntN(8) {
	case 0:
		return k.fresh()
	case 1:
		links := make([]string, 0, len(k.links))
		for l := range k.links {
			links = append(links, l)
		}
		slices.Sort(links)
		return links[k.r.IntN(len(links))]
	}
	return k.existing()
}

func (k *thicket) fresh() string {
	return filepath.Join(k.dirs[k.r.IntN(len(k.dirs))], "n"+strconv.Itoa(k.r.IntN(3)))
}

// lists are random ones of files:, by their names.
func (k *thicket) lists(keys ...string) map[string][]string {
	m := map[string][]string{}
	for _, key := range keys {
		for range k.r.IntN(4) {
			p := k.alone[k.r.IntN(len(k.alone))]
			for key == "exec" && filepath.Dir(p) != k.root { // what can be replaced takes Landlock's rule with it
				p = filepath.Dir(p)
			}
			if !slices.Contains(m[key], p) {
				m[key] = append(m[key], p)
			}
		}
	}
	return m
}

// calls are what the program tries, in its own words.
func (k *thicket) calls(n int, ops string) string {
	var text strings.Builder
	for range n {
		op := ops[k.r.IntN(len(ops))]
		a, b := k.any(), ""
		switch {
		case strings.ContainsRune("nXh", rune(op)):
			b = k.any()
		case strings.ContainsRune("ckyf", rune(op)):
			a = k.fresh()
		}
		fmt.Fprintf(&text, "%c %s %s\n", op, a, b)
	}
	return text.String()
}

// policyOf writes lists as a policy that lets the program itself be executed.
func policyOf(program string, lists map[string][]string) string {
	var text strings.Builder
	text.WriteString("version: 1\ndefault: allow\nfiles:\n")
	for _, key := range []string{"read", "write", "create", "exec", "hide", "deny"} {
		list := lists[key]
		if key == "read" { // to execute is to read
			list = append(slices.Clip(list), lists["exec"]...)
		}
		if key == "exec" || key == "read" {
			list = append(slices.Clip(list), program)
		}
		quoted := make([]string, len(list))
		for i := range list {
			quoted[i] = strconv.Quote(list[i])
		}
		fmt.Fprintf(&text, "  %s: [%s]\n", key, strings.Join(quoted, ", "))
	}
	return text.String()
}

// A trial is a tree of its own with lists about it.
type trial struct {
	*thicket
	program string
	lists   map[string][]string
}

func newTrial(t *testing.T, seed uint64, program string) trial {
	t.Helper()
	root := filepath.Join(t.TempDir(), "root")
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}
	k := grow(t, seed, root, program)
	return trial{k, program, k.lists("read", "write", "create", "exec")}
}

// run makes calls under the lists, or without (native), and says what came of each, and what the tree is afterwards.
func (x *trial) run(t *testing.T, calls string, native bool) []string {
	t.Helper()
	text := ""
	if !native {
		text = policyOf(x.program, x.lists)
	}
	lines := tryCalls(t, filepath.Dir(x.root), x.program, text, calls)
	for i := range lines {
		lines[i] = strings.ReplaceAll(lines[i], x.root, "R")
	}
	return append(lines, state(t, x.root)...)
}

// tryCalls runs a program that makes calls, under a policy unless that is empty, and gives what it says of each.
func tryCalls(t *testing.T, dir, program, policy, calls string) []string {
	t.Helper()
	file, in := filepath.Join(dir, "policy.yaml"), filepath.Join(dir, "calls")
	for name, text := range map[string]string{file: policy, in: calls} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	stdin, err := os.Open(in)
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	argv := []string{stead(t), "run", "--policy", file, "--", program}
	if policy == "" {
		argv = argv[len(argv)-1:]
	}
	got := command{argv: argv, dir: dir, stdin: stdin}.run(t)
	if got.code != 0 || got.stderr != "" {
		t.Fatalf("%+v\n%s", got, policy)
	}
	return strings.Split(strings.TrimSpace(got.stdout), "\n")
}

// state is what a tree consists of.
func state(t *testing.T, root string) (lines []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
		var st unix.Stat_t
		if err == nil {
			err = unix.Lstat(path, &st)
		}
		if kind := st.Mode & unix.S_IFMT; kind == unix.S_IFDIR || kind == unix.S_IFLNK {
			st.Size = 0
		}
		lines = append(lines, fmt.Sprintf("R%s %o %d %d", strings.TrimPrefix(path, root), st.Mode, st.Size, st.Nlink))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// TestFilesAlike: what Landlock makes of random lists is what the supervisor makes of them.
func TestFilesAlike(t *testing.T) {
	needLandlock(t)
	program := compile(t, "files/ops.c", "-static")
	for seed := range uint64(seeds(t)) {
		run := func(hide ...string) ([]string, string) {
			x := newTrial(t, seed, program)
			x.lists["hide"] = hide // Landlock cannot hide
			return x.run(t, x.calls(150, "rrlwwbbTpcckkduuyfnnXhhsSaextC"), false), policyOf(program, x.lists)
		}
		kernel, text := run()
		judged, _ := run("/no/such/file")
		for i := range kernel {
			if i >= len(judged) || kernel[i] != judged[i] && !bothRefuse(kernel[i], judged[i]) {
				t.Errorf("seed %d, line %d: Landlock: %s, judged: %s\n%s", seed, i, kernel[i], judged[min(i, len(judged)-1)], text)
				break
			}
		}
	}
}

// TestFilesExact: what is hidden or denied, globs among it, is so, and all else is as the lists say.
func TestFilesExact(t *testing.T) {
	needLandlock(t)
	program := compile(t, "files/ops.c", "-static")
	for seed := range uint64(seeds(t)) {
		x := newTrial(t, seed, program)
		x.lists["exec"] = nil                       // nothing may be hidden in it
		x.lists["hide"] = []string{"/no/such/file"} // a deny of what is not allowed anyway would be left to Landlock
		for _, key := range []string{"hide", "deny", "read", "write"} {
			for range x.r.IntN(3) {
				x.lists[key] = append(x.lists[key], x.glob(key == "hide" || key == "deny"))
			}
		}
		calls := x.calls(150, "rrrlwwbbpsSae")
		native, judged := x.run(t, calls, true), x.run(t, calls, false)
		for i, call := range strings.Split(strings.TrimSpace(calls), "\n") {
			head, came, _ := strings.Cut(native[i], ": ")
			if want := head + ": " + x.expect(call[0], strings.Fields(call)[1], came); judged[i] != want {
				t.Errorf("seed %d: %s, want %s\n%s", seed, judged[i], want, policyOf(program, x.lists))
				break
			}
		}
	}
}

// glob is a random one; plain: or no glob.
func (k *thicket) glob(plain bool) string {
	at := k.existing()
	dir, base := filepath.Split(at)
	switch n := k.r.IntN(5); {
	case n == 0 && plain:
		return at
	case n < 2:
		return dir + base[:1] + "*"
	case n == 2:
		return k.root + "/**/" + base
	case n == 3:
		return k.root + "/*/" + base
	}
	return dir + "?[0-9]"
}

// matches says whether a glob matches a path; below: or something that it is below.
func matches(glob, at string, below bool) bool {
	return matchParts(strings.Split(glob, "/"), strings.Split(at, "/"), below)
}

func matchParts(glob, at []string, below bool) bool {
	switch {
	case len(glob) == 0:
		return len(at) == 0 || below
	case glob[0] == "**":
		return matchParts(glob[1:], at, below) || len(at) > 0 && matchParts(glob, at[1:], below)
	case len(at) == 0:
		return false
	}
	ok, err := filepath.Match(glob[0], at[0])
	return ok && err == nil && matchParts(glob[1:], at[1:], below)
}

// covers says whether a list has a path.
func (x *trial) covers(key, at string) bool {
	return slices.ContainsFunc(x.lists[key], func(entry string) bool {
		if strings.ContainsAny(entry, "*?[") {
			return matches(entry, at, key == "hide" || key == "deny")
		}
		return at == entry || strings.HasPrefix(at, entry+"/")
	})
}

// expect is what a call has to come to that came to something natively.
func (x *trial) expect(op byte, at, came string) string {
	if to, ok := x.links[at]; ok && strings.ContainsRune("rlwbSa", rune(op)) {
		at = to
	}
	writes := x.covers("create", at) || x.covers("write", at)
	switch {
	case x.covers("hide", at):
		return "ENOENT"
	case x.covers("deny", at):
		return "EACCES"
	case came != "ok":
		return came
	case strings.ContainsRune("wb", rune(op)) && !writes, strings.ContainsRune("rl", rune(op)) && !writes && !x.covers("read", at):
		return "EACCES"
	}
	return "ok"
}

// bothRefuse: of renaming, the kernel finds more wrong before it asks Landlock than is worth foretelling.
func bothRefuse(a, b string) bool {
	failed := func(s string) bool { return !strings.HasSuffix(s, ": ok") }
	return (a[0] == 'n' || a[0] == 'X') && b[0] == a[0] && failed(a) && failed(b)
}

func seeds(t *testing.T) int {
	t.Helper()
	if n, err := strconv.Atoi(os.Getenv("STEAD_SEEDS")); err == nil {
		return n
	}
	return 20
}
