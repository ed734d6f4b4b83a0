# A file system that a program of the container serves.
exec 2>&1
mkdir -p /media/f
cp /images/image.ext4 /tmp/image.ext4
fuse2fs /tmp/image.ext4 /media/f -o fakeroot >/dev/null 2>&1 || echo status $?
cat /media/f/file
echo more >/media/f/new && cat /media/f/new
features mountinfo /media
fusermount3 -u /media/f || echo status $?
features mountinfo /media
fuse2fs /tmp/image.ext4 /media/f -o ro >/dev/null 2>&1 || echo status $?
cat /media/f/new
umount /media/f || echo status $?
fusermount3 -u /media/f >/dev/null 2>&1 || echo status $?
