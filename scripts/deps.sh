#!/bin/sh
# deps.sh GROUP...: installs what the groups miss, with the system's package manager, as root or through a sudo that
# asks for no password. Otherwise it stops with one line that names the packages. Groups: build demo test bench runtimes.
. "$(dirname "$0")/common.sh"

# What each group needs. An item followed by "?" is worth having: tests that need it say why they are skipped.
items() {
	case $1 in
	build) echo "go cc seccomp pkgconfig" ;;
	demo) echo "go cc seccomp pkgconfig busybox setpriv mkfs.ext4? runc?" ;;
	bench) echo "go cc seccomp pkgconfig strace git python3 make proot?" ;;
	test) echo "go cc seccomp pkgconfig busybox strace git python3 curl procps setpriv script make rsync sqlite3 fuse2fs squashfuse fusermount3 mksquashfs keyctl? man2? multilib?" ;;
	runtimes) echo "runc crun podman conmon ctr lxc-start newuidmap" ;;
	*) die "unknown group of dependencies: $1 (build, demo, test, bench, runtimes)" ;;
	esac
}

links() { # links SOURCE FLAGS...: can a program be built so?
	links_src=$1
	shift
	printf '%s\n' "$links_src" | cc -x c - -o /dev/null "$@" >/dev/null 2>&1
}

present() {
	case $1 in
	go) have go ;;
	cc) have cc && links 'int main(void){return 0;}' -static ;;
	seccomp) have cc && links '#include <seccomp.h>
int main(void){return seccomp_init(0)==0;}' -static -lseccomp ;;
	pkgconfig) have pkg-config && pkg-config --exists libseccomp ;;
	multilib) [ "$(uname -m)" != x86_64 ] || links 'int main(void){return 0;}' -m32 -static ;;
	procps) have ps ;;
	man2) [ -e /usr/share/man/man2/openat.2.gz ] || [ -e /usr/share/man/man2/openat.2 ] ;;
	*) have "$1" ;;
	esac
}

manager() {
	for manager_cmd in apt-get dnf apk pacman; do
		if have "$manager_cmd"; then
			echo "$manager_cmd"
			return
		fi
	done
	echo none
}

# Packages of an item: Debian and Ubuntu first, then Fedora, Alpine, Arch.
packages() {
	case $1:$2 in
	apt-get:cc) echo gcc libc6-dev ;;
	apt-get:seccomp) echo libseccomp-dev ;;
	apt-get:pkgconfig) echo pkg-config ;;
	apt-get:multilib) echo gcc-multilib ;;
	apt-get:setpriv) echo util-linux ;;
	apt-get:script) echo bsdutils ;;
	apt-get:man2) echo manpages-dev ;;
	*:mkfs.ext4) echo e2fsprogs ;;
	dnf:fuse2fs) echo e2fsprogs fuse2fs ;;
	apt-get:fuse2fs | pacman:fuse2fs) echo fuse2fs e2fsprogs ;;
	*:fusermount3) echo fuse3 ;;
	*:mksquashfs) echo squashfs-tools ;;
	*:ctr) echo containerd ;;
	*:lxc-start) echo lxc ;;
	*:keyctl) echo keyutils ;;
	apt-get:newuidmap) echo uidmap ;;
	*:newuidmap) echo shadow-utils ;;
	dnf:cc) echo gcc glibc-devel glibc-static ;;
	dnf:seccomp) echo libseccomp-devel libseccomp-static ;;
	dnf:pkgconfig) echo pkgconf-pkg-config ;;
	dnf:multilib) echo glibc-devel.i686 glibc-static.i686 ;;
	dnf:procps) echo procps-ng ;;
	dnf:setpriv) echo util-linux ;;
	dnf:script) echo util-linux-script ;;
	dnf:man2) echo man-pages ;;
	apk:cc) echo gcc musl-dev linux-headers ;;
	apk:seccomp) echo libseccomp-dev libseccomp-static ;;
	apk:pkgconfig) echo pkgconf ;;
	apk:script) echo util-linux-misc ;;
	apk:man2) echo man-pages ;;
	pacman:cc) echo gcc ;;
	pacman:seccomp) echo libseccomp ;;
	pacman:pkgconfig) echo pkgconf ;;
	pacman:multilib) echo lib32-glibc ;;
	pacman:python3) echo python ;;
	pacman:procps) echo procps-ng ;;
	pacman:setpriv | pacman:script) echo util-linux ;;
	pacman:man2) echo man-pages ;;
	*:multilib) ;; # this system has no such package
	*) echo "$2" ;;
	esac
}

install_command() {
	case $1 in
	apt-get) echo "apt-get install -y" ;;
	dnf) echo "dnf install -y" ;;
	apk) echo "apk add" ;;
	pacman) echo "pacman -S --needed --noconfirm" ;;
	esac
}

# as_root prints the prefix that makes a command root's, or fails.
as_root() {
	[ "$(id -u)" -ne 0 ] || return 0
	have sudo && sudo -n true 2>/dev/null && echo "sudo -n"
}

# shellcheck disable=SC2046 # lists of words on purpose
install() { # install PACKAGES...
	if [ "$MANAGER" != apt-get ]; then
		$(as_root) $(install_command "$MANAGER") "$@" >&2
		return
	fi
	# A fresh image has no package lists yet. Nothing that is installed may be removed for what is wanted here.
	set -- -qq --no-install-recommends --no-remove "$@"
	apt_install "$@" 2>/dev/null || { $(as_root) apt-get -qq update >&2 && apt_install "$@"; }
}

# shellcheck disable=SC2046
apt_install() {
	$(as_root) env DEBIAN_FRONTEND=noninteractive $(install_command apt-get) "$@" >&2
}

words() { # words WORDS...: the same in one line, each once
	printf '%s\n' "$@" | sed '/^$/d' | sort -u | tr '\n' ' ' | sed 's/ $//'
}

missing() { # missing MARK ITEMS...: the absent items among the wanted (MARK "?") or the needed (MARK "")
	missing_mark=$1
	shift
	for missing_item in "$@"; do
		case $missing_item in
		*\?) [ -n "$missing_mark" ] || continue ;;
		*) [ -z "$missing_mark" ] || continue ;;
		esac
		missing_item=${missing_item%\?}
		present "$missing_item" || echo "$missing_item"
	done
}

names() { # names ITEMS...: the packages of items
	for names_item in "$@"; do
		# shellcheck disable=SC2046
		printf '%s\n' $(packages "$MANAGER" "$names_item")
	done
}

[ $# -gt 0 ] || die "usage: scripts/deps.sh build|demo|test|bench..."
MANAGER=$(manager)
# shellcheck disable=SC2046
ALL=$(words $(for group in "$@"; do items "$group"; done))

have go || die "Go is missing: install Go 1.26 or later from your system's packages or go.dev/dl"
# shellcheck disable=SC2086
need=$(missing "" $ALL)
# shellcheck disable=SC2086
want=$(missing "?" $ALL)
[ -n "$need$want" ] || exit 0

# shellcheck disable=SC2046,SC2086
need_packages=$(words $(names $need))
# shellcheck disable=SC2046,SC2086
want_packages=$(words $(names $want))

stop() { # stop REASON: the one line that names the packages
	[ "$MANAGER" != none ] || die "missing: $(words "$need"); install them with your system's package manager"
	die "$1: $(install_command "$MANAGER") $need_packages"
}

if [ "$MANAGER" = none ] || ! as_root >/dev/null; then
	# shellcheck disable=SC2086
	[ -z "$need" ] || stop "packages are missing, as root run"
	exit 0
fi

if [ -n "$need" ]; then
	say "installing $need_packages"
	# shellcheck disable=SC2086
	install $need_packages || stop "packages could not be installed, try"
	# shellcheck disable=SC2086
	need=$(missing "" $ALL)
	[ -z "$need" ] || stop "still missing after the installation: $(words "$need"), from"
fi
if [ -n "$want_packages" ]; then
	say "installing $want_packages (something is skipped without)"
	# shellcheck disable=SC2086
	install $want_packages || say "not installed: $want_packages"
fi
