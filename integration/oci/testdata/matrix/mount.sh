# mount(8) and umount(8), as scripts use them.
exec 2>&1
cd /media
mkdir -p m n o up work low low2 ov
mount -t tmpfs -o size=1m,nosuid,mode=711 tmp m
mount --bind m n
mount -o remount,bind,ro n
touch n/x 2>/dev/null && echo writable
mount --make-rshared n
mount --rbind m o
mount -o remount,size=2m m
mount -t overlay -o lowerdir=/media/low2:/media/low,upperdir=/media/up,workdir=/media/work$OVERLAY ov ov
echo hi >ov/file
cat up/file
features mountinfo /media
umount ov || echo status $?
umount o || echo status $?
umount -l n || echo status $?
mount -t proc proc o && test -e o/self/status && echo proc
umount o
mount -o ro -t tmpfs t o && mount -o remount,rw o && touch o/x && echo remounted
umount o
mount -t tmpfs -o nonsense t o >/dev/null 2>&1 || echo status $?
mount -t nosuchfs t o >/dev/null 2>&1 || echo status $?
mount --bind /media/none o >/dev/null 2>&1 || echo status $?
mount -t tmpfs t o && mount --make-private o && mount --move o n && findmnt -n -o FSTYPE,TARGET n
umount n
echo "t /media/n tmpfs size=1m,noexec 0 0" >/tmp/fstab
mount -T /tmp/fstab -a && features mountinfo /media
umount n
mountpoint n || echo status $?
umount n >/dev/null 2>&1 || echo status $?
umount m
