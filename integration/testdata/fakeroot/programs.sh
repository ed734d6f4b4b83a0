# What package managers and archivers do as root. What is printed has to be the same for root and for whoever is taken for root.
set -u
umask 022
exec 2>&1
echo "== dpkg-deb"
mkdir -p pkg/DEBIAN pkg/usr/bin pkg/var/lib/small; printf 'Package: small\nVersion: 1.0\nArchitecture: all\nMaintainer: N <n@x.org>\nDescription: small\n one\n' > pkg/DEBIAN/control
echo data > pkg/var/lib/small/data; printf '#!/bin/sh\necho hi\n' > pkg/usr/bin/small
chown -R root:root pkg; chmod 4755 pkg/usr/bin/small; chown 33:33 pkg/var/lib/small; chmod 2750 pkg/var/lib/small; chown root:33 pkg/var/lib/small/data; chmod 0040 pkg/var/lib/small/data
dpkg-deb --build pkg small.deb; dpkg-deb -c small.deb | sed 's/20[0-9-]* [0-9:]*/DATE/'
mkdir x; dpkg-deb -x small.deb x; tar cf - x | tar tvf - | sed 's/20[0-9-]* [0-9:]*/DATE/'
echo "== dpkg --root"
mkdir -p r/var/lib/dpkg/updates r/var/lib/dpkg/info r/var/log; touch r/var/lib/dpkg/status r/var/lib/dpkg/available
dpkg --root=$PWD/r --log=$PWD/log -i small.deb; echo "rc $?"
dpkg --root=$PWD/r --log=$PWD/log -s small | grep Status
(cd r; find usr var/lib/small -printf '%p %U:%G %m %y\n' | sort)
dpkg --root=$PWD/r --log=$PWD/log --purge small; echo "rc $?"; find r/usr r/var/lib/small 2>&1 | sort
echo "== install cp tar"
echo contents >file
install -o 7 -g 8 -m 4711 -D file i/one; install -d -o 9 -g 10 -m 1777 i/dir; ls -ln i | grep -v total | sed 's/[A-Z][a-z][a-z] *[0-9]* [0-9:]*/DATE/'
mknod i/null c 1 3; mknod i/blk b 8 0; chown 0:6 i/blk; chmod 660 i/blk; ln -s one i/link; chown -h 5:5 i/link; mkfifo i/fifo; chown 3:3 i/fifo; ln i/one i/hard
cp -a i j; find i j -printf '%p %U:%G %m %y %n\n' | grep -v hard | sort; stat -c '%n %t,%T %u:%g %a' j/null j/blk
tar cf i.tar i; mkdir t; tar xf i.tar -C t; find t -printf '%p %U:%G %m %y %n\n' | sort; tar cf - -C t . | tar tvf - | sort -k6 | sed 's/20[0-9-]* [0-9:]*/DATE/'
mkdir t2; tar xpf i.tar --same-owner -C t2; (cd t2; find . -printf '%p %U:%G %m %y %n\n' | sort)
(find i | cpio -o -H newc --quiet > i.cpio; mkdir c; cd c; cpio -idm --quiet < ../i.cpio; find . -printf '%p %U:%G %m %y %n\n' | sort)
rsync -aHDX i/ k/; echo "rsync $?"; (cd k; find . -printf '%p %U:%G %m %y %n\n' | sort)
rsync -aHDX --chown=21:22 i/ k2/; (cd k2; find . -printf '%p %U:%G %m %y %n\n' | sort)
echo "== caps"
cp /bin/true tr; /sbin/setcap cap_net_raw+ep tr; echo $?; /sbin/getcap tr; getfattr -d -m - -e hex tr; cp -a tr tr2; /sbin/getcap tr2; tar --xattrs --xattrs-include='*' -cf tr.tar tr; mkdir tx; tar --xattrs --xattrs-include='*' -xf tr.tar -C tx; /sbin/getcap tx/tr; /sbin/setcap -r tr; /sbin/getcap tr; getfattr -d -m - tr
chown 1:1 tr2; getfattr -d -m - tr2
setfattr -n trusted.x -v y tr; getfattr -d -m - tr; setfattr -x trusted.x tr; getfattr -d -m - tr; setfattr -x trusted.x tr
echo "== errno"
chown 1:1 none; chmod 1 none/x; mknod i/null c 1 3; chown 1 i/one/x; mkdir i; rmdir i; stat none
chmod 0 i/one; cat i/one >/dev/null && echo readable; chmod 000 i/dir; ls i/dir; touch i/dir/x; echo $?; stat -c %a i/dir
chown 4:4 i/one; stat -c '%a %u:%g' i/one; chmod 6755 i/one;  stat -c '%a' i/one; chown 5 i/one; stat -c '%a' i/one; chmod 2644 i/one; chown 6 i/one;  stat -c '%a' i/one
echo "== recycle"
for n in 1 2 3 4 5 6 7 8; do touch q; chown 77:77 q; rm q; touch q; stat -c %u q; rm q; done | sort | uniq -c
touch a b; chown 1:1 a; chown 2:2 b; mv a b; stat -c %u b; mkdir dd; chown 5 dd; rmdir dd; mkdir dd; stat -c %u dd
echo "== python"
python3 - <<'P'
import os
def t(f,*a):
    try: r=getattr(os,f)(*a)
    except OSError as e: r=e.errno
    print(f,a,r,os.getresuid(),os.getresgid(),os.getgroups())
t('setgroups',[5,4]); t('setresgid',3,4,5); t('setegid',5); t('setresuid',1,2,0); t('setuid',0); t('seteuid',2); t('setuid',0); t('setreuid',-1,1);t('setuid',1); t('setuid',5); t('setgroups',[]); t('setgid',9); t('setegid',3)
t('chown','q2',1,1)
P
python3 - <<'P'
import os,threading
os.setgid(8); 
def f(): os.setuid(7); print("thread", os.getresuid(), os.getgid())
t=threading.Thread(target=f); t.start(); t.join(); print("main", os.getresuid())
if os.fork()==0:
    print("child", os.getresuid(), os.getgid(), flush=True)
    if os.fork()==0:
        print("grandchild", os.getresuid(), os.getgid(), flush=True); os._exit(0)
    os.wait(); os._exit(0)
os.wait()
os.execvp("id",["id"])
P
setpriv --reuid=11 --regid=12 --clear-groups id; setpriv --reuid=11 --regid=12 --groups 1,2 sh -c 'id; id -u'
setpriv --reuid=11 --inh-caps=+chown --ambient-caps=+chown sh -c 'id -u' 
