# Sourced by the set-up scripts: tree DIRECTORY makes a tree with one of everything that a copy can get wrong. What only
# root can make is made by root only.
# shellcheck shell=bash

text() { # text LINES SEED: the same text each time
	awk -v n="$1" -v s="$2" 'BEGIN { for (i = 0; i < n; i++) print s, i, (s * 7919 + i * 104729) % 1000003 }'
}

tree() {
	umask 022
	mkdir -p "$1"/{plain,modes,links,empty,names,deep/a/b/c/d/e/f/g/h}
	for i in 1 2 3 4 5 6 7 8; do text $((i * 40)) "$i" >"$1/plain/file$i"; done
	: >"$1/plain/none"
	text 3 9 >"$1/deep/a/b/c/d/e/f/g/h/bottom"
	modes "$1/modes"
	links "$1"
	names "$1/names"
	sparse "$1/sparse"
	mkfifo "$1/fifo"
	attributes "$1"
	owners "$1"
	touch -d '2001-02-03 04:05:06.123456789Z' "$1/plain/file1"
	touch -d '1969-12-31 23:59:58.5Z' "$1/plain/file2" # before the epoch
	touch -d '2038-01-19 03:14:08.999999999Z' "$1/plain/file3"
	touch -h -d '2005-06-07 08:09:10.111Z' "$1/links/dangling"
	touch -d '2003-03-03 03:03:03.3Z' "$1/empty"
}

modes() {
	for mode in 0000 0400 0444 0600 0644 0666 0700 0755 0777 1644 2755 4755 6711; do
		text 2 "$mode" >"$1/f$mode"
		chmod "$mode" "$1/f$mode"
	done
	for mode in 0700 0755 0777 1777 2775 3777; do
		mkdir "$1/d$mode"
		text 1 "$mode" >"$1/d$mode/inside"
		chmod "$mode" "$1/d$mode"
	done
}

links() {
	ln -s ../plain/file1 "$1/links/relative"
	ln -s /etc/hostname "$1/links/absolute"
	ln -s nowhere/at/all "$1/links/dangling"
	ln -s ../plain "$1/links/directory"
	ln -s loop2 "$1/links/loop1"
	ln -s loop1 "$1/links/loop2"
	ln -s "$(printf 'x%.0s' $(seq 250))" "$1/links/long" # over what an inode holds itself
	text 5 77 >"$1/links/hard1"
	ln "$1/links/hard1" "$1/links/hard2"
	ln "$1/links/hard1" "$1/deep/a/hard3"
	ln -P "$1/links/relative" "$1/links/relative2"
}

names() {
	text 1 1 >"$1/with space"
	text 1 2 >"$1/"$'new\nline'
	text 1 3 >"$1/-dash"
	text 1 4 >"$1/"$'bytes\xff\xfe'
	text 1 5 >"$1/$(printf 'n%.0s' $(seq 255))"
	text 1 6 >"$1/"$'gr\xc3\xbc\xc3\x9fe'
	text 1 7 >"$1/\\back\"slash*?"
}

sparse() {
	truncate -s 3M "$1"
	printf middle | dd of="$1" bs=1 seek=1048576 conv=notrunc status=none
	printf end | dd of="$1" bs=1 seek=2500000 conv=notrunc status=none
}

# attributes sets what the file system of the tests may not have; then no run has it.
attributes() {
	/usr/bin/python3 - "$1" <<'PYTHON'
import os, struct, sys

def entry(tag, permissions, who=0xffffffff):
    return struct.pack("<HHI", tag, permissions, who)

# acl(5), and the format that xattr(7) names in system.posix_acl_*: version 2, then tag, permissions, id.
acl = struct.pack("<I", 2) + entry(1, 7) + entry(2, 6, 4711) + entry(4, 5) + entry(16, 7) + entry(32, 1)
for name, key, value in [
    ("plain/file4", "user.short", b"value"),
    ("plain/file4", "user.binary", bytes(range(256))),
    ("plain/file5", "user.empty", b""),
    ("plain", "user.directory", b"d"),
    ("plain/file6", "system.posix_acl_access", acl),
    ("deep/a/b", "system.posix_acl_default", acl),
    ("plain/file7", "trusted.one", b"root's"),
    ("modes/f0755", "security.capability", bytes.fromhex("0100000200040000000000000000000000000000")),
]:
    try:
        os.setxattr(os.path.join(sys.argv[1], name), key, value)
    except OSError:
        pass
PYTHON
}

owners() {
	[ "$(id -u)" = 0 ] || return 0
	chown 1000:1000 "$1/plain/file1"
	chown 12345:54321 "$1/plain/file2" "$1/deep/a/b"
	chown -h 4294967294:7 "$1/links/dangling"
	chown 0:1000 "$1/modes/f2755" && chmod 2755 "$1/modes/f2755"
	mknod "$1/null" c 1 3
	mknod -m 600 "$1/block" b 7 200
	/usr/bin/python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$1/socket"
}
