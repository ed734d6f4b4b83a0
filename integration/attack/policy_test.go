package attack

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stead-project/stead/internal/testneed"
)

// judged are the calls that the policy is about.
const judged = "open openat openat2 creat stat stat64 lstat lstat64 newfstatat fstatat64 statx access faccessat faccessat2 readlink readlinkat " +
	"unlink unlinkat rmdir rename renameat renameat2 link linkat symlink symlinkat mkdir mkdirat mknod mknodat chmod fchmodat fchmodat2 " +
	"chown chown32 lchown lchown32 fchownat truncate truncate64 utime utimes futimesat utimensat utimensat_time64 statfs statfs64 " +
	"setxattr lsetxattr getxattr lgetxattr listxattr llistxattr removexattr lremovexattr setxattrat getxattrat listxattrat removexattrat " +
	"inotify_add_watch name_to_handle_at file_getattr file_setattr"

// accepted is the word on races of a rule.
const accepted = "    race: accepted\n"

// policy is the same text in both modes, but for the word on races. userfaultfd stands for memory that is slow to read, which no
// policy can take away: a file system in user space gives it too.
func policy(root, race string) string {
	return fmt.Sprintf(`version: 1
name: attack
default: allow
rules:
  - {calls: [userfaultfd], then: allow}
  - name: forbidden
    calls: [%s]
    when: paths.under(%q) || paths.under(%q)
    then: {deny: EACCES}
%s  - name: read only
    calls: [openat2]
    when: paths.under(%q) && how.flags.any("O_WRONLY|O_RDWR")
    then: {deny: EACCES}
%s`, strings.Join(strings.Fields(judged), ", "), root+"/forbid", root+"/vault/forbid", race, root+"/readonly", race)
}

// performs skips where this version performs no calls.
func performs(t *testing.T, stead string) {
	t.Helper()
	rules := filepath.Join(t.TempDir(), "policy.yaml")
	check(t, os.WriteFile(rules, []byte(policy("/nowhere", "")), 0o644))
	if out, err := exec.Command(stead, "policy", "check", rules).CombinedOutput(); err != nil {
		testneed.Missing(t, "needs a version that performs these calls: %v: %.1000s", err, out)
	}
}
