/* Mounts, quotas, swap and watching. */
#include <linux/dqblk_xfs.h>
#include <linux/mount.h>
#include <linux/quota.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#undef MS_RDONLY
#define OLD_RDONLY 1

static void mounts(void)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID, .attr_clr = MOUNT_ATTR__ATIME, .propagation = 1 << 18, .userns_fd = 3};

	call(mount, "none", "/missing", "tmpfs", OLD_RDONLY | 2 | 4 | 8L, "size=1m");
	call(mount, "none", "/missing", "tmpfs", 0x400L, NULL);
	call(mount, "/a", "/missing", NULL, 0x1000 | 0x4000L, NULL);
	call(mount, NULL, "/missing", NULL, (1 << 18) | 0x4000L, NULL);
	call(mount, "none", "/missing", "proc", 32 | 1L, "data");
	call(mount, BAD, BAD, BAD, 0L, BAD);
	call(mount, "none", "/missing", "ext4", (long)0xc0ed0000 | 16, "");
	call(umount2, "/missing", 1 | 2);
	call(umount2, "/missing", 4 | 8 | 0x10);
	call(umount2, BAD, 0);
	call(pivot_root, "/missing", "/missing/old");
	call(fsopen, "missing", FSOPEN_CLOEXEC);
	call(fsopen, BAD, 2);
	call(fsconfig, -1, FSCONFIG_SET_FLAG, "ro", NULL, 0);
	call(fsconfig, -1, FSCONFIG_SET_STRING, "source", "tmp", 0);
	call(fsconfig, -1, FSCONFIG_SET_BINARY, "blob", "ab\0cd", 5);
	call(fsconfig, -1, FSCONFIG_SET_PATH, "source", "/dev/x", HERE);
	call(fsconfig, -1, FSCONFIG_SET_PATH_EMPTY, "source", "", 5);
	call(fsconfig, -1, FSCONFIG_SET_FD, "fd", NULL, 7);
	call(fsconfig, -1, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	call(fsconfig, -1, 99, NULL, NULL, 0);
	call(fsmount, -1, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NODEV);
	call(fsmount, -1, 2, 0);
	call(fspick, HERE, "/missing", FSPICK_CLOEXEC | FSPICK_NO_AUTOMOUNT | 0x10);
	call(move_mount, HERE, "/missing", -1, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_SYMLINKS);
	call(open_tree, HERE, "/missing", OPEN_TREE_CLONE | AT_RECURSIVE | OPEN_TREE_CLOEXEC);
	call(open_tree, HERE, BAD, 0);
	call(mount_setattr, HERE, "/missing", AT_RECURSIVE, &attr, sizeof attr);
	call(mount_setattr, HERE, "/missing", AT_EMPTY_PATH, &attr, 8L);
	call(mount_setattr, HERE, "/missing", 0, BAD, sizeof attr);
	call(statfs, "/missing", BAD);
	call(fstatfs, -1, BAD);
	call(ustat, 0x801L, BAD);
	call(sysfs, 1, "missing");
	call(sysfs, 2, 5, BAD);
	call(sysfs, 3);
	call(acct, "/missing/file");
	call(swapon, "/missing", 0x8000 | 5 | 0x10000);
	call(swapon, "/missing", 0x100000);
	call(swapoff, "/missing");
}

#define Q(command, type) (int)(((unsigned)(command) << 8) | (type))

static void quotas(void)
{
	struct if_dqblk block = {.dqb_bhardlimit = 1, .dqb_curspace = 2, .dqb_valid = 3};
	struct if_dqinfo info = {.dqi_bgrace = 7, .dqi_igrace = 8, .dqi_valid = 3};

	call(quotactl, Q(0x800001, 0), "/dev/missing", 0, NULL);
	call(quotactl, Q(0x800002, 1), "/dev/missing", 2, "/quota");
	call(quotactl, Q(0x800003, 2), "/dev/missing", 0, NULL);
	call(quotactl, Q(0x800004, 0), "/dev/missing", 0, BAD);
	call(quotactl, Q(0x800005, 0), "/dev/missing", 0, BAD);
	call(quotactl, Q(0x800006, 1), "/dev/missing", 0, &info);
	call(quotactl, Q(0x800007, 0), "/dev/missing", 1000, BAD);
	call(quotactl, Q(0x800008, 0), "/dev/missing", 1000, &block);
	call(quotactl, Q(0x800009, 0), "/dev/missing", 1000, BAD);
	call(quotactl, Q(Q_XGETQUOTA, 0), "/dev/missing", 1000, BAD);
	call(quotactl, Q(Q_XGETQSTAT, 1), "/dev/missing", 1000, BAD);
	call(quotactl, Q(0x123456, 9), "/dev/missing", 1000, BAD);
	call(quotactl, Q(0x800001, 0), NULL, 0, NULL);
	call(quotactl_fd, -1, Q(0x800008, 1), 1000, &block);
	call(quotactl_fd, -1, Q(0x800001, 0), 0, NULL);
}

static void watches(void)
{
	int fd = syscall(SYS_inotify_init1, IN_CLOEXEC | IN_NONBLOCK);

	call(inotify_init);
	call(inotify_init1, 8);
	call(inotify_add_watch, fd, ".", IN_CREATE | IN_DELETE | IN_ONLYDIR);
	call(inotify_add_watch, fd, ".", IN_ALL_EVENTS);
	call(inotify_add_watch, fd, BAD, IN_MASK_ADD | 0x10000);
	call(inotify_rm_watch, fd, 1);
	call(inotify_rm_watch, fd, -1);
	call(fanotify_init, FAN_CLASS_CONTENT | FAN_CLOEXEC | 0x1000, O_RDWR | O_LARGEFILE);
	call(fanotify_init, FAN_CLASS_NOTIF | 0x40000000, O_RDONLY);
	call(fanotify_mark, -1, FAN_MARK_ADD | FAN_MARK_MOUNT, wide(FAN_OPEN | FAN_ONDIR | FAN_EVENT_ON_CHILD), HERE, "/x");
	call(fanotify_mark, -1, FAN_MARK_FLUSH, wide(0), 5, NULL);
	call(fanotify_mark, -1, FAN_MARK_REMOVE | 0x40000000, wide(0x100000000LL | FAN_CLOSE_WRITE), HERE, BAD);
}
