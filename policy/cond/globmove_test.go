package cond

import "testing"

func TestGlobKeeps(t *testing.T) {
	for _, c := range []struct {
		glob, from, to string
		want           bool
	}{
		{"/home/*/.ssh", "/home/u", "/tmp/u", false}, {"/home/*/.ssh", "/home/u", "/home/v", true}, {"/home/*/.ssh", "/home", "/home2", false},
		{"/home/*/.ssh", "/home/u/x", "/tmp/x", true}, {"/home/*/.ssh/**", "/home/u", "/home/u/v", false}, {"/home/*/.ssh", "/tmp/u", "/home/u", true},
		{"/p/**/*.pem", "/p/a/b", "/p/c", true}, {"/p/**/*.pem", "/p/a/b", "/q/c", false}, {"/p/**/k/*", "/p/a/k", "/p/a/j", false},
		{"**/.git/**", "/a/b", "/c", true}, {"**/.git/**", "/a/.git", "/a/git", false}, {"/a/b*/c", "/a/x", "/q", true}, {"/a", "/a", "/b", true},
	} {
		g, err := CompileGlob(c.glob)
		if err != nil {
			t.Fatal(err)
		}
		if got := g.Keeps([]byte(c.from), []byte(c.to)); got != c.want {
			t.Errorf("%s: %s becomes %s: %v", c.glob, c.from, c.to, got)
		}
	}
}
