# What builders of images do: a container's root of layers, a program in it, and the difference.
exec 2>&1
cd /media
mkdir -p base/usr/bin base/usr/lib base/usr/lib64 base/etc base/proc top upper work merged
for d in bin lib lib64; do ln -s usr/$d base/$d; done
for f in /usr/bin/busybox $(ldd /usr/bin/busybox | grep -o '/[^ ]*'); do mkdir -p base${f%/*}; cp $f base$f; done
for p in sh cat rm mkdir touch mv chown test; do ln -s busybox base/usr/bin/$p; done
echo base >base/etc/name
mkdir base/etc/conf.d && touch base/etc/conf.d/one base/etc/conf.d/two
mkdir -p top/etc && echo top >top/etc/name
mount -t overlay -o lowerdir=/media/top:/media/base,upperdir=/media/upper,workdir=/media/work$OVERLAY overlay merged
mount -t proc -o nosuid,nodev,noexec proc merged/proc
mount --bind /tmp merged/etc/conf.d
umount merged/etc/conf.d
chroot merged /bin/sh -c '
	cat /etc/name; echo run >/etc/run; rm /etc/name; rm -r /etc/conf.d; mkdir /etc/conf.d; touch /etc/conf.d/new; mv /etc/run /etc/ran; chown 5:6 /etc/ran
	test -e /proc/self/exe && echo proc'
umount merged/proc
(cd merged && find etc | sort)
umount merged
(cd upper && find etc -printf '%p %y %U:%G\n' | sort)
tar -C upper --xattrs --xattrs-include='*' -cf layer.tar etc && tar -tf layer.tar | sort
mkdir unpacked && tar -C unpacked --xattrs --xattrs-include='*' -xf layer.tar && (cd unpacked && find etc -printf '%p %y %U:%G\n' | sort)
mount -t overlay -o lowerdir=/media/unpacked:/media/top:/media/base$OVERLAY overlay merged
(cd merged && find etc | sort)
umount merged
