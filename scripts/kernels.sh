#!/bin/sh
# kernels.sh [ARCH-VERSION...]: boots Debian's cloud kernels in an emulator, makes the checks of integration/kernels under each,
# and prints a table. Not a part of test.sh. Needs Debian or a relative of it, qemu and cpio; installs nothing. Results and
# downloads stay in bin/kernels, or where STEAD_KERNELS says; docs/kernels.md tells more.
#   STEAD_DEBIAN    the package archive; default: the one that this machine uses
#   STEAD_SECONDS   how long one machine may run (1500)
. "$(dirname "$0")/common.sh"

work=${STEAD_KERNELS:-$BIN/kernels}
seconds=${STEAD_SECONDS:-1500}
all="amd64-5.10 amd64-6.1 amd64-6.12 arm64-6.1 arm64-6.12"

suite() { # suite VERSION: the Debian release that has it
	case $1 in
	5.10) echo bullseye ;;
	6.1) echo bookworm ;;
	6.12) echo trixie ;;
	*) die "no Debian release with Linux $1 is known here (5.10, 6.1, 6.12)" ;;
	esac
}

# private COMMAND ARGS...: an apt command that knows nothing of the system's packages, and that the system's knows nothing of.
private() {
	private_cmd=$1
	shift
	"$private_cmd" -q -o "Dir::Etc::sourcelist=$work/apt/sources.list" -o Dir::Etc::sourceparts=- \
		-o "Dir::State::lists=$work/apt/lists" -o "Dir::State::status=$work/apt/status" -o "Dir::Cache=$work/apt/cache" \
		-o APT::Architectures::=amd64 -o APT::Architectures::=arm64 -o Acquire::Languages=none \
		-o "APT::Sandbox::User=$(id -un)" "$@"
}

# shellcheck disable=SC2016 # apt's own variables
mirror() {
	[ -z "${STEAD_DEBIAN:-}" ] || { echo "$STEAD_DEBIAN"; return; }
	apt-get indextargets --format '$(ORIGIN) $(REPO_URI)' 'Created-By: Packages' | sed -n 's/^Debian \(.*\/debian\/\)$/\1/p' | head -n 1
}

lists() {
	archive=$(mirror)
	[ -n "$archive" ] || die "which Debian archive? name it in STEAD_DEBIAN"
	mkdir -p "$work/apt/lists/partial" "$work/apt/cache/archives/partial"
	: >"$work/apt/status"
	for lists_suite in bullseye bookworm trixie; do
		echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $archive $lists_suite main"
	done >"$work/apt/sources.list"
	private apt-get update >"$work/apt/log" 2>&1 || die "the package lists could not be fetched: see $work/apt/log"
}

# package DIRECTORY PACKAGE...: unpacks packages, fetched once.
package() {
	package_dir=$1
	shift
	[ ! -e "$package_dir/.complete" ] || return 0
	[ -e "$work/apt/sources.list" ] || lists
	rm -rf "$package_dir"
	mkdir -p "$package_dir/.debs"
	say "fetching $*"
	(cd "$package_dir/.debs" && private apt-get download "$@" >>"$work/apt/log" 2>&1) || die "not fetched: see $work/apt/log"
	for package_deb in "$package_dir/.debs"/*.deb; do
		dpkg -x "$package_deb" "$package_dir"
	done
	rm -r "$package_dir/.debs"
	: >"$package_dir/.complete"
}

kernel() { # kernel ARCH VERSION: the path of its image
	[ -e "$work/apt/sources.list" ] || lists
	kernel_pattern=$(printf '%s' "$2" | sed 's/[.]/[.]/g')
	kernel_package=$(private apt-cache show "linux-image-cloud-$1:$1" |
		sed -n "s/^Depends: \(linux-image-${kernel_pattern}[.][^ ]*\) .*/\1/p" | head -n 1)
	[ -n "$kernel_package" ] || die "$(suite "$2") has no cloud kernel $2 for $1"
	package "$work/$1-$2" "$kernel_package:$1"
	echo "$work/$1-$2"/boot/vmlinuz-*
}

# cross unpacks a compiler for arm64 beside the system's, whose packages would exclude each other, and writes what calls it.
cross() {
	cross_dir="$work/cross"
	package "$cross_dir" gcc-12-aarch64-linux-gnu/bookworm cpp-12-aarch64-linux-gnu/bookworm libgcc-12-dev-arm64-cross/bookworm \
		libgcc-s1-arm64-cross/bookworm libc6-arm64-cross/bookworm libc6-dev-arm64-cross/bookworm \
		linux-libc-dev-arm64-cross/bookworm binutils-aarch64-linux-gnu/bookworm libseccomp-dev:arm64/bookworm
	cat >"$cross_dir/cc" <<EOF
#!/bin/sh
LD_LIBRARY_PATH="$cross_dir/usr/lib/x86_64-linux-gnu" exec "$cross_dir/usr/bin/aarch64-linux-gnu-gcc-12" \
 -B"$cross_dir/usr/lib/gcc-cross/aarch64-linux-gnu/12/" \
 -B"$cross_dir/usr/aarch64-linux-gnu/lib/" -B"$cross_dir/usr/aarch64-linux-gnu/bin/" \
 -isystem "$cross_dir/usr/aarch64-linux-gnu/include" -isystem "$cross_dir/usr/include" \
 -L"$cross_dir/usr/aarch64-linux-gnu/lib" -L"$cross_dir/usr/lib/aarch64-linux-gnu" "\$@"
EOF
	printf '#!/bin/sh\nexec pkg-config --define-variable=prefix="%s/usr" --define-variable=libdir="%s/usr/lib/aarch64-linux-gnu" "$@"\n' \
		"$cross_dir" "$cross_dir" >"$cross_dir/pkg-config"
	chmod +x "$cross_dir/cc" "$cross_dir/pkg-config"
}

compiler() { # compiler ARCH: sets CC and PKG_CONFIG
	CC=${CC:-cc} PKG_CONFIG=pkg-config
	[ "$1" != "$(go env GOHOSTARCH)" ] || return 0
	[ "$1" = arm64 ] || die "programs for $1 can be built on $1 only"
	cross
	CC="$work/cross/cc" PKG_CONFIG="$work/cross/pkg-config"
	export PKG_CONFIG_PATH="$work/cross/usr/lib/aarch64-linux-gnu/pkgconfig"
}

# root ARCH: the guest's root directory, and the archive of it.
root() (
	compiler "$1"
	export CC PKG_CONFIG GOARCH="$1"
	dir="$work/root-$1"
	rm -rf "$dir"
	mkdir -p "$dir/bin" "$dir/etc"
	package "$work/busybox-$1" "busybox-static:$1/bookworm"
	cp "$work/busybox-$1/bin/busybox" "$dir/bin/"
	for applet in sh cat cp echo false kill mkdir mv rm rmdir sleep true unshare mount umount; do
		ln -s busybox "$dir/bin/$applet"
	done
	STEAD_OUT="$dir/bin/stead" ./scripts/build.sh
	plain "$1" "$dir/bin/guest" ./integration/kernels/guest
	plain "$1" "$dir/bin/gostorm" ./integration/testdata/faults/gostorm
	case $1 in
	amd64) plain 386 "$dir/bin/gostorm32" ./integration/testdata/faults/gostorm ;;
	arm64) plain arm "$dir/bin/gostorm32" ./integration/testdata/faults/gostorm ;;
	esac
	sources="many orphan"
	[ "$1" != amd64 ] || sources="$sources int80"
	for source in $sources; do
		"$CC" -O1 -static -pthread -o "$dir/bin/$source" "integration/testdata/faults/$source.c"
	done
	ln -s bin/guest "$dir/init"
	printf 'root:x:0:0::/tmp:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n' >"$dir/etc/passwd"
	(cd "$dir" && find . | cpio --quiet -o -H newc -R 0:0) >"$work/root-$1.cpio"
)

plain() { CGO_ENABLED=0 GOARCH="$1" go build -trimpath -buildvcs=false -o "$2" "$3"; } # plain ARCH OUT PACKAGE

# initrd writes the root of a guest, with the one module of its kernel that the checks want.
initrd() ( # initrd ARCH VERSION
	dir="$work/modules-$1-$2"
	rm -rf "$dir"
	mkdir -p "$dir"
	module=$(find "$work/$1-$2" -name 'overlay.ko*')
	case $module in
	*.xz) xz -dc "$module" >"$dir/overlay.ko" ;;
	*.ko) cp "$module" "$dir/" ;;
	*) die "the kernel $2 for $1 comes without a module for overlay: '$module'" ;;
	esac
	(cd "$dir" && find . | cpio --quiet -o -H newc -R 0:0) | cat "$work/root-$1.cpio" - >"$work/$1-$2.cpio"
)

boot() { # boot ARCH VERSION: runs the checks; the console goes to a file
	boot_image=$(kernel "$1" "$2")
	initrd "$1" "$2"
	set -- "$1" "$2" -m 1024 -smp 2 -accel "tcg,thread=multi" -nographic -no-reboot -nic none \
		-kernel "$boot_image" -initrd "$work/$1-$2.cpio"
	boot_arch=$1 boot_log="$work/$1-$2.log"
	shift 2
	case $boot_arch in
	# QEMU 7.2 spoils the flags in cmpxchg16b with two processors, which brings Linux 6.12 down: without it.
	amd64) set -- qemu-system-x86_64 -cpu qemu64,-cx16 "$@" -append "console=ttyS0 quiet panic=-1 rdinit=/init" ;;
	arm64) set -- qemu-system-aarch64 -M virt -cpu cortex-a72 "$@" -append "console=ttyAMA0 quiet panic=-1 rdinit=/init" ;;
	esac
	have "$1" || die "$1 is missing: install qemu-system-x86 and qemu-system-arm, or your system's packages of them"
	timeout "$seconds" "$@" </dev/null 2>&1 | tr -d '\r' >"$boot_log" || true
	grep -q '^guest: end' "$boot_log" || echo 'check||the guest|FAIL|-|did not come to its end' >>"$boot_log"
}

# table GUEST...: a line per check and user, a column per guest; then what was said. It fails if a check failed, or was begun
# and not ended.
table() (
	cd "$work"
	for guest in "$@"; do
		sed -n -e "s/^plan|/$guest|plan|/p" -e "s/^check|/$guest|check|/p" "$guest.log"
	done | awk -F '|' -v guests="$*" '
		{ row = sprintf("%-5s %s", $3, $4) }
		!(row in seen) { seen[row] = 1; rows[++n] = row }
		$2 == "plan" { cell[row, $1] = "missing"; next }
		{ cell[row, $1] = $5 }
		$7 != "" { words[++m] = $1 ", " $3 ", " $4 ": " ($5 == "ok" ? "" : $5 ": ") substr($7, 1, $5 == "FAIL" ? 2000 : 300) }
		END {
			g = split(guests, guest, " ")
			printf "%-28s", "user  check"
			for (j = 1; j <= g; j++) printf "%-12s", guest[j]
			print ""
			for (i = 1; i <= n; i++) {
				printf "%-28s", rows[i]
				for (j = 1; j <= g; j++) {
					c = cell[rows[i], guest[j]]
					if (c == "FAIL" || c == "missing" || (c == "" && rows[i] !~ /the guest/)) bad = 1
					printf "%-12s", c == "" ? "-" : c
				}
				print ""
			}
			print ""
			for (i = 1; i <= m; i++) print words[i]
			exit bad || n == 0
		}'
)

# shellcheck disable=SC2086 # a list of words
[ $# -gt 0 ] || set -- $all
have apt-get dpkg cpio timeout || die "apt-get, dpkg, cpio and timeout are needed: this is for Debian and its relatives"
mkdir -p "$work"
work=$(cd "$work" && pwd)
for arch in amd64 arm64; do
	case " $*" in *" $arch-"*) root "$arch" ;; esac
done
for guest in "$@"; do
	case $guest in amd64-* | arm64-*) suite "${guest#*-}" >/dev/null ;; *) die "$guest: write ARCH-VERSION, as amd64-6.1" ;; esac
	say "booting $guest"
	boot "${guest%%-*}" "${guest#*-}"
done
if table "$@"; then
	echo "kernels: ok"
else
	echo "kernels: FAILED"
	exit 1
fi
