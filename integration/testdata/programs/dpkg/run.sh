inside() { chroot root /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C "$@"; }
cp -L "$(command -v env)" root/usr/bin/env
inside dpkg -i /small_1.deb
inside dpkg -L stead-small && inside small && inside dpkg -s stead-small && inside dpkg -S /usr/bin/small
echo mine >>root/etc/stead-small/conf
inside dpkg --force-confold -i /small_2.deb && inside small && cat root/etc/stead-small/conf && inside dpkg -V; echo "verified: $?"
inside dpkg -i /small_1.deb 2>&1 && inside dpkg-query -W
inside dpkg -r stead-small && inside dpkg -l stead-small | tail -n 1
inside dpkg -P stead-small && inside dpkg -l stead-small 2>&1 || echo "gone: $?"
inside dpkg --unpack /small_2.deb && inside dpkg --configure -a && cat root/var/log/scripts
inside dpkg -i /none.deb 2>&1 || echo "none: $?"
inside dpkg-deb -x /small_2.deb /tmp/extracted && inside sh -c 'cd /tmp/extracted && ls -l usr/bin && stat -c "%n %a %u" usr/bin/* && readlink /proc/self/root; pwd; cd ../../..; pwd; ls'
inside dpkg-deb -b /none /tmp/none.deb 2>&1 || echo "build: $?"
