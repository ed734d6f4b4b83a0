[ "$(id -u)" = 0 ] || chmod u+r tree/modes/f0000
cp -a tree all && diff -r --no-dereference all/plain tree/plain && echo the same
cp -al tree/plain hard && cp -as "$PWD/tree/plain" soft && cp -r tree/deep -T plainly
cp -aL tree/links/relative followed && cp --parents tree/deep/a/b/c/d/e/f/g/h/bottom empty 2>&1 || echo "parents: $?"
mkdir parents && cp -p --parents tree/deep/a/b/c/d/e/f/g/h/bottom parents
cp --sparse=always tree/sparse always && cp --sparse=never tree/sparse never && cp --reflink=auto tree/plain/file1 reflink
cp --backup=numbered tree/plain/file1 reflink && cp -n tree/plain/file2 reflink && cp -u tree/plain/file3 reflink && ls reflink*
cp --attributes-only -p tree/plain/file6 attributes && cp --remove-destination tree/plain/file7 soft/file7

(umask 027 && mkdir masked && mkdir -m 1777 masked/sticky && mkdir -p -m 700 masked/a/b && mkfifo -m 622 masked/fifo && >masked/file)
mkdir set && chmod 2775 set && mkdir set/inherits && >set/file # the group comes from the directory, set-gid too
mkdir tree/deep/a/b/acl && >tree/deep/a/b/file # a default access control list takes the umask's place
install -D -m 4711 tree/plain/file1 installed/bin/program && install -d -m 1770 installed/dir
mv tree/plain/file8 renamed && mv -T hard/file2 hard/file3 && mv -n renamed soft && mv --backup tree/names 'moved names'
ln tree/plain/file4 another && ln -sfn nowhere tree/links/dangling && ln -sr tree/plain/file5 relative && ln -f hard/file1 another
chmod -R u+rwX,g-w,o= all/plain && chmod a=,u=rwxs hard/file4 && chmod -v g+s set/inherits
chgrp -R "$(id -g)" all/deep && chown -h "$(id -u)" relative
touch -d 2010-10-10T10:10:10.1010Z dated && touch -r tree/empty -a dated && touch -h -d @1 relative && touch -c absent && touch -m -d @5.5 all/plain/none
truncate -s 100 dated && truncate -s +1K dated && fallocate -l 8K room && fallocate -p -o 0 -l 4K room
dd if=/dev/zero of=zeros bs=1k count=3 oflag=append conv=notrunc status=none && tee copied <tree/plain/file1 >/dev/null && split -n 3 tree/plain/file6 part.
(cd tree && pwd && cd plain && cd .. && pwd -P) && realpath tree/links/relative && readlink -e tree/links/relative && readlink tree/links/long | wc -c
realpath -e tree/links/loop1 || echo "loop: $?"
test -x tree/modes/f0755 && test -w tree/modes/f0444 || echo not writable
test -p tree/fifo && test -L tree/links/loop1 && test ! -e tree/links/loop1 && test tree/links/hard1 -ef tree/links/hard2 && echo kinds
stat -c '%n %F %a %u %g %h %s' tree/plain/* tree/links/* && stat -f -c '%n %T %l' tree && stat -L -c %F tree/links/relative
rmdir tree/empty && rmdir tree/plain || echo "not empty: $?"
rm -rf all/deep all/modes && rm tree/absent || echo "absent: $?"
ls -laR --time-style=+%s all | awk 'NR % 7 == 0 { print $1, $2, $3, $4, $5, $7 }'
du -sk --apparent-size tree/plain && (cd tree && find plain -type f -print0 | sort -z | xargs -0 sha1sum | sha1sum)
