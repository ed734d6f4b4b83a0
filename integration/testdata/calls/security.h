/* seccomp, Landlock, keys, bpf, ptrace. */
#include <linux/bpf.h>
#include <linux/keyctl.h>
#include <linux/landlock.h>
#include <linux/perf_event.h>
#include <linux/ptrace.h>
#include <linux/seccomp.h>

static void security(void)
{
	struct sock_filter code[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0), BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x10, 1, 0), BPF_STMT(BPF_RET | BPF_K, 0x7fff0000), BPF_STMT(BPF_RET | BPF_K, 0x50001), BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xff), BPF_STMT(BPF_MISC | BPF_TAX, 0), BPF_STMT(BPF_LDX | BPF_MEM, 3), BPF_STMT(BPF_ST, 2), BPF_STMT(BPF_RET | BPF_A, 0), BPF_STMT(BPF_ALU | BPF_NEG, 0), BPF_JUMP(BPF_JMP | BPF_JA, 2, 0, 0), BPF_STMT(0xffff, 7)};
	struct sock_fprog program = {12, code};
	unsigned action = SECCOMP_RET_ERRNO;
	struct landlock_ruleset_attr rules = {.handled_access_fs = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_DIR};
	struct landlock_path_beneath_attr beneath = {LANDLOCK_ACCESS_FS_READ_FILE, 5};

	call(seccomp, SECCOMP_SET_MODE_STRICT, 1, NULL);
	call(seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_LOG | 0x100, &program);
	call(seccomp, SECCOMP_SET_MODE_FILTER, 0x80, BAD);
	call(seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action);
	call(seccomp, SECCOMP_GET_NOTIF_SIZES, 0, BAD);
	call(seccomp, 99, 1, BAD);
	call(landlock_create_ruleset, &rules, 8L, 0x100);
	call(landlock_create_ruleset, NULL, 0L, LANDLOCK_CREATE_RULESET_VERSION);
	call(landlock_create_ruleset, BAD, 8L, 0);
	call(landlock_add_rule, -1, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0);
	call(landlock_add_rule, -1, LANDLOCK_RULE_PATH_BENEATH, BAD, 1);
	call(landlock_add_rule, -1, 99, BAD, 0);
	call(landlock_restrict_self, -1, 0);
	call(ptrace, 16L, 99999999, 0L, 0L);
	call(ptrace, 7L, 99999999, 0L, (long)SIGUSR1);
	call(ptrace, 2L, 99999999, 0x1000L, BAD);
	call(ptrace, 0x4200L, 99999999, 0L, 0x100001L);
	call(ptrace, 0x4206L, 99999999, 0L, 0x1fL);
	call(ptrace, 0x4204L, 99999999, 1L, BAD);
	call(ptrace, 0x4207L, 99999999, 0L, 0L);
	call(ptrace, 0x9999L, 99999999, 1L, 2L);
}

static void keys(void)
{
	call(add_key, "user", "stead:x", "pay\0load", 0L, -9);
	call(add_key, BAD, NULL, NULL, 5L, 123);
	call(request_key, "user", "stead:missing", NULL, KEY_SPEC_PROCESS_KEYRING);
	call(request_key, "missing", "stead:missing", "info", 0);
	call(keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0);
	call(keyctl, KEYCTL_JOIN_SESSION_KEYRING, BAD);
	call(keyctl, KEYCTL_UPDATE, 0x12345678, "abc", 3L);
	call(keyctl, KEYCTL_REVOKE, 0x12345678);
	call(keyctl, KEYCTL_CHOWN, 0x12345678, 5, -1);
	call(keyctl, KEYCTL_SETPERM, 0x12345678, 0x3f010000);
	call(keyctl, KEYCTL_DESCRIBE, 0x12345678, BAD, 10L);
	call(keyctl, KEYCTL_CLEAR, -99);
	call(keyctl, KEYCTL_LINK, 5, KEY_SPEC_THREAD_KEYRING);
	call(keyctl, KEYCTL_SEARCH, KEY_SPEC_USER_KEYRING, "user", "stead:missing", 0);
	call(keyctl, KEYCTL_READ, 0x12345678, BAD, 0L);
	call(keyctl, KEYCTL_INSTANTIATE, 5, "abc", 3L, 0);
	call(keyctl, KEYCTL_NEGATE, 5, 10, 0);
	call(keyctl, KEYCTL_SET_REQKEY_KEYRING, -99);
	call(keyctl, KEYCTL_SET_TIMEOUT, 5, 10);
	call(keyctl, KEYCTL_REJECT, 5, 10, EPERM, 0);
	call(keyctl, KEYCTL_INVALIDATE, 12345);
	call(keyctl, KEYCTL_GET_PERSISTENT, -1, 5);
	call(keyctl, KEYCTL_RESTRICT_KEYRING, 5, "user", BAD);
	call(keyctl, KEYCTL_MOVE, 5, 6, 7, 1);
	call(keyctl, 99, 1L, 2L, 3L, 4L);
}

static void bpf_commands(void)
{
	union bpf_attr map = {.map_type = BPF_MAP_TYPE_HASH, .key_size = 4, .value_size = 8, .max_entries = 1, .map_flags = 0x80000000, .map_name = "stead"};
	union bpf_attr elem = {.map_fd = -1, .key = 0x1000, .value = 0x2000, .flags = BPF_EXIST};
	union bpf_attr pin = {.pathname = (uintptr_t)"/missing", .bpf_fd = -1};
	struct perf_event_attr perf = {.type = PERF_TYPE_SOFTWARE, .size = sizeof perf, .config = PERF_COUNT_SW_CPU_CLOCK, .disabled = 1};

	call(bpf, BPF_MAP_CREATE, &map, 72);
	call(bpf, BPF_MAP_LOOKUP_ELEM, &elem, 32);
	call(bpf, BPF_MAP_UPDATE_ELEM, BAD, 32);
	call(bpf, BPF_OBJ_PIN, &pin, 16);
	call(bpf, BPF_MAP_GET_NEXT_ID, &map, 8);
	call(bpf, 999, BAD, 8);
	call(perf_event_open, &perf, -1, -1, -1, 8L);
	call(perf_event_open, BAD, 0, -1, -1, 0x100L);
}
