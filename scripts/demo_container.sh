#!/bin/sh
# demo_container.sh WORK STEAD: a container that may not mount mounts tmpfs, proc, an overlay and an ext4 image, is refused others, and what is
# recorded of it: first without any runtime, then, as root and where there is one, with runc.
. "$(dirname "$0")/common.sh"
work=$1 stead=$2

title() { printf '\n%s\n' "$*"; }

mkdir "$work/container"
cat >"$work/container/try.sh" <<'EOS'
exec 2>&1
cd "$1"
grep CapEff /proc/self/status
shown() { grep " $PWD/$1 " /proc/self/mountinfo | cut -d' ' -f5-; }
mkdir scratch && mount -t tmpfs -o size=8m scratch scratch && shown scratch
mkdir scratch/proc && mount -t proc proc scratch/proc && shown scratch/proc
cd scratch && mkdir lower upper work merged image && echo "from below" >lower/file
mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work overlay merged && echo "changed" >merged/file && shown merged
cat lower/file upper/file
[ ! -e "$2" ] || { "$4" "$2" image && shown image && cat image/file; }
[ ! -e "$3" ] || "$4" "$3" image
umount /proc
true
EOS

images=
if [ "$(id -u)" -eq 0 ] && have mkfs.ext4; then # only the machine's root can mount it natively
	mkdir "$work/container/files" "$work/container/images"
	echo "a file on an ext4 image" >"$work/container/files/file"
	for image in images/disk.img other.img; do
		truncate -s 8M "$work/container/$image"
		mkfs.ext4 -q -d "$work/container/files" "$work/container/$image"
	done
	# mount(2) as it is: mount(8) would want a loop device for a file, which a container has not.
	printf '#include <stdio.h>\n#include <sys/mount.h>\nint main(int n, char **a) { (void)n; return mount(a[1], a[2], "ext4", 0, "") ? perror(a[1]), 1 : 0; }\n' |
		cc -x c - -static -o "$work/container/mount-ext4"
	images="$work/container/images/disk.img $work/container/other.img $work/container/mount-ext4"
fi

policy() { # policy SOURCES
	cat <<EOS
version: 1
include: [preset:container-mount]
rules:
  - name: images
    calls: [mount]
    when: filesystemtype == "ext4" && !mountflags.any("MS_REMOUNT|MS_BIND|MS_MOVE")
    then: perform
    sources: [$1]
    idmap: auto
    force: [nosuid, nodev]
EOS
}

recorded() { # recorded FILE: mounts performed and refused
	grep '"call":"u*mount2*"' "$1" | grep -E '"verdict":"(perform|deny)"' | sed 's/"time".*"call"/"call"/; s/,"duration_ns.*/}/' | cut -c1-250
}

title "A container without any right to mount: the supervisor mounts what the policy allows (preset container-mount, and images)"
policy "$work/container/images" >"$work/container.yaml"
# shellcheck disable=SC2086 # a list of images on purpose
if ! "$stead" run --policy "$work/container.yaml" --on-deny print --log "$work/container.jsonl" -- \
	unshare -Urmpf setpriv --bounding-set=-all --inh-caps=-all sh "$work/container/try.sh" "$work/container" $images 2>&1; then
	echo "(this machine lets nobody make user namespaces)"
	exit 0
fi

title "What is recorded of its mounts"
recorded "$work/container.jsonl"

if [ -z "$images" ] || ! have runc; then
	title "(with runc, and as root, the same is shown in a container of a runtime)"
	exit 0
fi

title "The same in a container of runc's, in a user namespace (stead agent; the profile is the policy's, exported)"
bundle="$work/bundle"
mkdir -p "$work/policies" "$bundle/rootfs/images" "$bundle/rootfs/dev" "$bundle/rootfs/proc" "$bundle/rootfs/c" "$bundle/rootfs/usr" "$bundle/rootfs/etc"
for link in bin sbin lib lib64; do ln -s "usr/$link" "$bundle/rootfs/$link"; done
cp "$work/container/try.sh" "$work/container/mount-ext4" "$bundle/rootfs/"
cp "$work/container/images/disk.img" "$bundle/rootfs/images/"
cp "$work/container/other.img" "$bundle/rootfs/"
chown -R 100000:100000 "$bundle/rootfs"
chmod 755 "$work" "$bundle" "$bundle/rootfs"
policy /images >"$work/policies/demo.yaml"
"$stead" policy export --oci --listener "$work/agent.sock" --agent demo "$work/policies/demo.yaml" >"$work/seccomp.json"
cat >"$bundle/config.json" <<EOS
{"ociVersion": "1.0.2", "hostname": "demo", "root": {"path": "rootfs"},
 "process": {"args": ["sh", "/try.sh", "/c", "/images/disk.img", "/other.img", "/mount-ext4"], "cwd": "/", "env": ["PATH=/usr/sbin:/usr/bin"],
  "user": {"uid": 0, "gid": 0}, "noNewPrivileges": true,
  "capabilities": {"bounding": ["CAP_CHOWN", "CAP_DAC_OVERRIDE"], "effective": ["CAP_CHOWN", "CAP_DAC_OVERRIDE"], "permitted": ["CAP_CHOWN", "CAP_DAC_OVERRIDE"]}},
 "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
  {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
  {"destination": "/c", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev"]},
  {"destination": "/usr", "type": "bind", "source": "/usr", "options": ["rbind", "ro"]}],
 "linux": {"namespaces": [{"type": "pid"}, {"type": "mount"}, {"type": "ipc"}, {"type": "uts"}, {"type": "network"}, {"type": "user"}],
  "uidMappings": [{"containerID": 0, "hostID": 100000, "size": 65536}], "gidMappings": [{"containerID": 0, "hostID": 100000, "size": 65536}],
  "seccomp": $(cat "$work/seccomp.json")}}
EOS
"$stead" agent --policies "$work/policies" --listen "$work/agent.sock" --records "$work/agent.jsonl" --log-level error &
agent=$!
for _ in 1 2 3 4 5 6 7 8 9 10; do [ -S "$work/agent.sock" ] || sleep 0.1; done
runc --root "$work/runc" run --bundle "$bundle" "stead-demo-$$" 2>&1 || echo "(runc runs no container here)"
kill $agent
wait $agent || true

title "What is recorded of its mounts"
[ ! -e "$work/agent.jsonl" ] || recorded "$work/agent.jsonl"
