# A root with a shell, dpkg and what they load, and a package with every kind of script.
mkdir -p root/{bin,sbin,usr/bin,usr/sbin,etc,dev,tmp,var/lib/dpkg/{info,updates,triggers},var/log}
chmod 1777 root/tmp
mknod -m 666 root/dev/null c 1 3
: >root/var/lib/dpkg/status
printf 'root:x:0:0:root:/:/bin/sh\ndaemon:x:1:1::/:/bin/sh\nstaff:x:1000:1000::/:/bin/sh\n' >root/etc/passwd
printf 'root:x:0:\ndaemon:x:1:\nstaff:x:1000:\n' >root/etc/group

add() { # add PROGRAM...: to /usr/bin, with its libraries at their places
	for program in "$@"; do
		cp -L "$(command -v "$program")" "root/usr/bin/$program"
		ldd "root/usr/bin/$program" 2>/dev/null | grep -o '/[^ ]*' | while read -r library; do
			mkdir -p "root${library%/*}"
			cp -nL "$library" "root$library"
		done
	done
}
add dpkg dpkg-deb dpkg-query dpkg-split tar rm diff busybox
for applet in sh cat ls echo ln mkdir chmod chown stat sed sort cut readlink test touch id; do
	ln -s ../usr/bin/busybox "root/bin/$applet"
done
for nothing in ldconfig start-stop-daemon; do
	printf '#!/bin/sh\nexit 0\n' >"root/sbin/$nothing" && chmod 755 "root/sbin/$nothing"
done

package() { # package VERSION
	mkdir -p build/{DEBIAN,etc/stead-small,usr/{bin,lib/stead-small/deep},var/lib/stead-small}
	printf 'Package: stead-small\nVersion: %s\nArchitecture: all\nMaintainer: n <e@example.org>\nDescription: small\n' "$1" >build/DEBIAN/control
	echo /etc/stead-small/conf >build/DEBIAN/conffiles
	echo "setting=$1" >build/etc/stead-small/conf
	for script in preinst postinst prerm postrm; do
		cat >"build/DEBIAN/$script" <<SCRIPT
#!/bin/sh
set -e
echo "$script \$*" \$(id -u)
echo "$script $1 \$*" >>/var/log/scripts
[ "\$1" != configure ] || { mkdir -p /var/lib/stead-small/made; chown staff:staff /var/lib/stead-small/made; chmod 2750 /var/lib/stead-small/made; }
[ "\$1" != purge ] || rm -rf /var/lib/stead-small
SCRIPT
		chmod 755 "build/DEBIAN/$script"
	done
	printf '#!/bin/sh\necho small %s\n' "$1" >build/usr/bin/small && chmod 755 build/usr/bin/small
	echo privileged >build/usr/bin/set && chmod 4755 build/usr/bin/set
	for i in 1 2 3 4 5; do echo "$1 $i" >"build/usr/lib/stead-small/deep/$i"; done
	ln -s deep/1 build/usr/lib/stead-small/link && ln build/usr/lib/stead-small/deep/2 build/usr/lib/stead-small/hard
	chown -R 1:1 build/var/lib/stead-small
	SOURCE_DATE_EPOCH=1500000000 dpkg-deb -b build "root/small_$1.deb" >/dev/null
	rm -r build
}
package 1
package 2
