/* ioctl, fcntl, prctl. */
#include <linux/btrfs.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/random.h>
#include <linux/sockios.h>
#include <asm/termbits.h>
#include <asm/ioctls.h>
#include <sys/prctl.h>

struct size { unsigned short rows, columns, x, y; };

static void terminals(void)
{
	struct termios t = {.c_iflag = ICRNL | IXON, .c_oflag = OPOST | ONLCR, .c_cflag = B38400 | CS8 | CREAD, .c_lflag = ISIG | ICANON | ECHO, .c_cc = {3, 28, 127}};
	struct size size = {24, 80, 0, 0};
	int n = 5;

	call(ioctl, -1, TCGETS, BAD);
	call(ioctl, -1, TCSETS, &t);
	call(ioctl, -1, TCSETSW, BAD);
	call(ioctl, -1, TIOCGWINSZ, BAD);
	call(ioctl, -1, TIOCSWINSZ, &size);
	call(ioctl, -1, TIOCSPGRP, &n);
	call(ioctl, -1, TCSBRK, 0);
	call(ioctl, -1, TCFLSH, 2);
	call(ioctl, -1, TCXONC, 1);
	call(ioctl, -1, TIOCSCTTY, 1);
	call(ioctl, -1, TIOCNOTTY);
	call(ioctl, -1, TIOCSTI, "x");
	call(ioctl, -1, FIONBIO, &n);
	call(ioctl, -1, FIONREAD, BAD);
	call(ioctl, -1, FIOASYNC, &n);
	call(ioctl, -1, FIOCLEX);
	call(ioctl, -1, TIOCGPTN, BAD);
	call(ioctl, -1, TIOCSPTLCK, &n);
	call(ioctl, -1, TIOCMBIS, &n);
	call(ioctl, -1, TIOCGPTPEER, O_RDWR | O_NOCTTY);
}

static void devices(void)
{
	struct file_clone_range clone = {3, 4, 5, 6};
	struct fstrim_range trim = {1, 2, 3};
	struct fsxattr attr = {.fsx_xflags = FS_XFLAG_SYNC | FS_XFLAG_APPEND, .fsx_projid = 7};
	int flags = FS_APPEND_FL | FS_NOATIME_FL;
	unsigned long long range[] = {0, 4096};

	call(ioctl, -1, FICLONE, 5);
	call(ioctl, -1, FICLONERANGE, &clone);
	call(ioctl, -1, FITRIM, &trim);
	call(ioctl, -1, FS_IOC_SETFLAGS, &flags);
	call(ioctl, -1, FS_IOC_GETFLAGS, BAD);
	call(ioctl, -1, FS_IOC_FSSETXATTR, &attr);
	call(ioctl, -1, FIFREEZE, 0);
	call(ioctl, -1, BLKDISCARD, range);
	call(ioctl, -1, BLKGETSIZE64, BAD);
	call(ioctl, -1, BLKROSET, &flags);
	call(ioctl, -1, LOOP_SET_FD, 5);
	call(ioctl, -1, LOOP_CTL_GET_FREE);
	call(ioctl, -1, LOOP_CLR_FD);
	call(ioctl, -1, BTRFS_IOC_SYNC);
	call(ioctl, -1, RNDADDTOENTCNT, &flags);
	call(ioctl, -1, _IOC(_IOC_READ | _IOC_WRITE, 0xde, 0xad, 0x123), BAD);
	call(ioctl, -1, _IOC(_IOC_NONE, 'z', 1, 0), 5);
	call(ioctl, -1, _IOC(_IOC_WRITE, 0, 0xff, 8), NULL);
	call(ioctl, -1, 0, 0);
	call(ioctl, -1, 0x12345, 0x1234567);
	call(ioctl, -1, 0x5499, BAD);
}

static void interfaces(void)
{
	struct ifreq name = {.ifr_name = "missing"}, flags = {.ifr_name = "missing", .ifr_flags = IFF_UP | IFF_RUNNING};
	struct ifreq index = {.ifr_ifindex = 3}, mtu = {.ifr_name = "missing", .ifr_mtu = 1500}, tun = {.ifr_name = "tun7", .ifr_flags = IFF_TUN | IFF_NO_PI};
	struct ifreq address = {.ifr_name = "missing"};
	struct ifconf conf = {0, {NULL}};
	struct sockaddr_in in = {AF_INET, 0, {htonl(0x7f000001)}};

	memcpy(&address.ifr_addr, &in, sizeof in);
	call(ioctl, -1, SIOCGIFINDEX, &name);
	call(ioctl, -1, SIOCGIFNAME, &index);
	call(ioctl, -1, SIOCSIFFLAGS, &flags);
	call(ioctl, -1, SIOCGIFFLAGS, BAD);
	call(ioctl, -1, SIOCSIFMTU, &mtu);
	call(ioctl, -1, SIOCSIFADDR, &address);
	call(ioctl, -1, SIOCGIFADDR, &address);
	call(ioctl, -1, SIOCGIFCONF, &conf);
	call(ioctl, -1, TUNSETIFF, &tun);
	call(ioctl, -1, SIOCSIFNAME, BAD);
}

static void control(void)
{
	struct { short type, whence; long start, len; int pid; } lock = {F_WRLCK, SEEK_SET, 1, 2, 3};
	struct { int type, pid; } owner = {F_OWNER_PGRP, 99999999};
	unsigned long long hint = 2;
	int fd = open("file", O_RDWR);

	call(fcntl, fd, F_DUPFD, 60);
	call(fcntl, fd, F_DUPFD_CLOEXEC, 61);
	call(fcntl, fd, F_GETFD);
	call(fcntl, fd, F_SETFD, FD_CLOEXEC);
	call(fcntl, fd, F_SETFD, 6);
	call(fcntl, fd, F_GETFL);
	call(fcntl, fd, F_SETFL, O_RDWR | O_NONBLOCK | O_APPEND);
	call(fcntl, fd, F_SETFL, 0);
	call(fcntl, -1, F_SETLK, &lock);
	call(fcntl, -1, F_SETLKW, BAD);
	call(fcntl, -1, F_SETOWN, -5);
	call(fcntl, -1, F_SETOWN_EX, &owner);
	call(fcntl, -1, F_SETSIG, SIGIO);
	call(fcntl, -1, F_SETLEASE, F_UNLCK);
	call(fcntl, -1, F_NOTIFY, DN_CREATE | DN_MULTISHOT);
	call(fcntl, -1, F_SETPIPE_SZ, 4096);
	call(fcntl, -1, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_WRITE | 0x100);
	call(fcntl, -1, 1036, &hint);
	call(fcntl, -1, 999, 5);
#ifdef SYS_fcntl64
	struct flock64 wide_lock = {F_RDLCK, SEEK_END, 0x100000000LL, -1, 5};
	call(fcntl64, -1, F_SETLK64, &wide_lock);
	call(fcntl64, -1, F_OFD_SETLK, &wide_lock);
	call(fcntl64, fd, F_GETFL);
#endif
}

static void prctls(void)
{
	call(prctl, PR_SET_NAME, "stead-calls-too-long");
	call(prctl, PR_SET_NAME, BAD);
	call(prctl, PR_GET_NAME, BAD);
	call(prctl, PR_SET_PDEATHSIG, 0L);
	call(prctl, PR_SET_PDEATHSIG, 99L);
	call(prctl, PR_GET_PDEATHSIG, BAD);
	call(prctl, PR_SET_DUMPABLE, 9L);
	call(prctl, PR_GET_DUMPABLE);
	call(prctl, PR_SET_KEEPCAPS, 5L);
	call(prctl, PR_GET_KEEPCAPS);
	call(prctl, PR_CAPBSET_READ, 21L);
	call(prctl, PR_CAPBSET_READ, 99L);
	call(prctl, PR_SET_SECUREBITS, 0x10000L);
	call(prctl, PR_SET_TIMERSLACK, 50000L);
	call(prctl, PR_SET_CHILD_SUBREAPER, 0L);
	call(prctl, PR_SET_NO_NEW_PRIVS, 2L, 0L, 0L, 0L);
	call(prctl, PR_GET_NO_NEW_PRIVS, 0L, 0L, 0L, 0L);
	call(prctl, PR_SET_THP_DISABLE, 0L, 0L, 0L, 0L);
	call(prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 21L, 0L, 0L);
	call(prctl, PR_CAP_AMBIENT, 99L, 21L, 0L, 0L);
	call(prctl, PR_SET_MM, PR_SET_MM_BRK, 0x1000L, 0L, 0L);
	call(prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, BAD);
	call(prctl, PR_SET_PTRACER, -1L);
	call(prctl, PR_MCE_KILL, 5L, 6L, 7L, 8L);
	call(prctl, PR_GET_SPECULATION_CTRL, 0L, 0L, 0L, 0L);
	call(prctl, PR_SET_TSC, 7L);
	call(prctl, PR_SET_VMA, 0L, 0x1000L, 4096L, "anon");
	call(prctl, 9999, 1L, 2L, 3L, 4L);
#ifdef SYS_arch_prctl
	call(arch_prctl, 0x1003, BAD);
	call(arch_prctl, 0x1011, 0L);
	call(arch_prctl, 0x9999, 5L);
#endif
}
