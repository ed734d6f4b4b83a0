package cond

import (
	"bufio"
	"os"
	"strings"
	"testing"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
)

func bindText(abi arch.ABI, call, text string) (*Expr, error) {
	s, err := Parse(policy.Condition{Pos: policy.Pos{File: "p.yaml", Line: 10, Column: 11}, Text: text})
	if err != nil {
		return nil, err
	}
	id, _ := arch.LookupID(call)
	return s.Bind(abi, id)
}

// testdata/errors.txt has a call, a condition and the whole error in each line.
func TestErrors(t *testing.T) {
	f, err := os.Open("testdata/errors.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	n := 0
	for ; lines.Scan(); n++ {
		part := strings.Split(lines.Text(), "\t")
		if len(part) != 3 {
			t.Fatalf("line %d: %q", n+1, lines.Text())
		}
		_, err := bindText(arch.X86_64, part[0], part[1])
		if err == nil || err.Error() != part[2] {
			t.Errorf("%s: %s:\n%v, want\n%s", part[0], part[1], err, part[2])
		}
	}
	if n < 80 || lines.Err() != nil {
		t.Errorf("%d cases, %v", n, lines.Err())
	}
}

func TestBounds(t *testing.T) {
	for _, tc := range []struct{ when, want string }{
		{"dirfd == 1 &&\n  ]", "p.yaml:11:3: cannot read condition"},
		{"dirfd == 1 &&\n  pathnam == \"\"", "p.yaml:11:3: openat has no parameter"},
		{strings.Repeat("(", 200) + "true" + strings.Repeat(")", 200), "recursion limit"},
		{strings.Repeat("x", MaxText+1), "too long"},
		{"dirfd in [" + strings.Repeat("1,", 4000) + "1]", ""},
		{"pathname.matches(\"/" + strings.Repeat("x", maxPattern) + "\")", "too long"},
		{"pathname.base.contains(argv[0])", "has no parameter \"argv\""},
		{"[1,2,3].all(x, [1,2,3].all(y, x * y * dirfd < 10))", ""},
		{"dirfd < 9223372036854775808u", ""},
		{`under("/")`, "undeclared reference to 'under'"},
		{`any("O_CREAT")`, "undeclared reference to 'any'"},
		{`[pathname][0].under("/")`, "undeclared reference to 'under'"},
		{"caller.uid == 4294967296", "can never hold"},
	} {
		_, err := bindText(arch.X86_64, "openat", tc.when)
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%.40s: %v, want %q", tc.when, err, tc.want)
		}
	}
}

// What only the ABI makes impossible is no mistake.
func TestABIDependent(t *testing.T) {
	for _, tc := range []struct {
		abi        arch.ABI
		call, when string
		want       Op
	}{
		{arch.I386, "mount", `mountflags == 0x100000000`, False},
		{arch.X86_64, "mount", `mountflags == 0x100000000`, Test},
		{arch.X86_64, "openat", `caller.abi == "i386"`, False},
		{arch.I386, "openat", `caller.abi == "i386"`, True},
		{arch.I386, "openat", `caller.abi in ["i386", "arm"] && dirfd == 3`, Test},
		{arch.X86_64, "openat", `caller.abi != "i386"`, True},
		{arch.X86_64, "openat", `dirfd == 3 || dirfd != 3`, True},
		{arch.X86_64, "openat", `dirfd < 3 || dirfd >= 3`, True},
		{arch.X86_64, "openat", `flags >= 0`, True},
		{arch.X86_64, "openat", ` `, True},
		{arch.X86_64, "getpid", `paths.under("/etc")`, False},
	} {
		e, err := bindText(tc.abi, tc.call, tc.when)
		if err != nil || e.Op != tc.want {
			t.Errorf("%s %s: %v, %v", tc.abi, tc.when, e, err)
		}
	}
}

func selection(t *testing.T, text string) arch.Selection {
	t.Helper()
	s, err := arch.ParseSelection(text, arch.Selection{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestBindAll(t *testing.T) {
	for _, tc := range []struct {
		calls, when string
		bound       int
		want        string
	}{
		{"open,openat,openat2", `pathname.under("/etc")`, 3, ""},
		{"%file", `paths.under("/etc")`, selection(t, "%file").Len(), ""},
		{"open,chroot", `pathname.under("/etc")`, 0,
			`p.yaml:10:11: "pathname" is a parameter of open but not of chroot, where chroot calls it path: write a rule for each name, or paths for any path of the call`},
		{"openat,openat2", `flags.has("O_CREAT")`, 0,
			`p.yaml:10:11: "flags" is a parameter of openat but not of openat2, where openat2 calls it how.flags: write a rule for each name, or paths for any path of the call`},
		{"open,chroot", `path_name.under("/etc")`, 0, `chroot has no parameter "path_name"`},
		{"rename", `pathname.under("/etc")`, 0, `rename has no parameter "pathname": did you mean oldpath?`},
		{"openat,mmap", `flags.has("O_CREAT")`, 0, `p.yaml:10:21: in mmap: flags has no flag "O_CREAT"`},
		{"getdents,close", `fd == 3`, 2, ""},
		{"arm_fadvise64_64", `fd == 3`, 0, ""},
	} {
		list, err := BindAll(mustParse(t, tc.when), arch.X86_64, selection(t, tc.calls))
		if tc.want == "" && (err != nil || tc.calls != "%file" && len(list) != tc.bound) ||
			tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s: %s: %d bound, %v, want %q", tc.calls, tc.when, len(list), err, tc.want)
		}
	}
}

// What one call can't fulfil is False for it, not an error, while others can.
func TestBindAllImpossibleForOne(t *testing.T) {
	list, err := BindAll(mustParse(t, `paths.under("/etc")`), arch.X86_64, selection(t, "open,fchmod"))
	if err != nil || len(list) != 2 {
		t.Fatal(list, err)
	}
	for _, b := range list {
		if want := map[string]Op{"open": Test, "fchmod": False}[b.ID.Name()]; b.Expr.Op != want {
			t.Errorf("%s: %s", b.ID, b.Expr)
		}
	}
}
