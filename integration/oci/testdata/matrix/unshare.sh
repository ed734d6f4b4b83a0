# Mount namespaces of a container's own.
exec 2>&1
cd /media
mkdir -p a new
unshare -m sh -c 'mount -t tmpfs x /media/a && features mountinfo /media && mkdir /media/a/old && mount --bind /media/a /media/new' 2>&1
unshare -m --propagation private sh -c '
	mount -t tmpfs root /media/new && mkdir -p /media/new/old /media/new/usr /media/new/proc && mount --rbind /usr /media/new/usr &&
	for d in bin lib lib64 sbin; do ln -s usr/$d /media/new/$d; done &&
	mount -t proc proc /media/new/proc && cd /media/new && pivot_root . old && cd / && umount -l /old && ls -d /old /usr && test -d /proc/self && echo pivoted' 2>&1
features mountinfo /media
