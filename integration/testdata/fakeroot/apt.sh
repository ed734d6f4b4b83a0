# A package with a dependency, from a repository in a directory to a root in another.
set -u
umask 022
exec 2>&1
mkdir -p pkg/DEBIAN pkg/usr/bin pkg/var/lib/small repo; printf 'Package: small\nVersion: 1.0\nArchitecture: all\nMaintainer: N <n@x.org>\nDescription: small\n one\n' > pkg/DEBIAN/control
echo data > pkg/var/lib/small/data; chown 33:33 pkg/var/lib/small; chmod 2750 pkg/var/lib/small; echo x > pkg/usr/bin/s; chmod 4755 pkg/usr/bin/s
dpkg-deb --build pkg repo/small.deb >/dev/null
mkdir -p pkg2/DEBIAN; printf 'Package: dep\nVersion: 1.0\nArchitecture: all\nDepends: small\nMaintainer: N <n@x.org>\nDescription: dep\n one\n' > pkg2/DEBIAN/control; dpkg-deb --build pkg2 repo/dep.deb >/dev/null
(cd repo; for p in small dep; do dpkg-deb -f $p.deb; echo "Filename: ./$p.deb"; echo "Size: $(stat -c %s $p.deb)"; echo "SHA256: $(sha256sum $p.deb | cut -d' ' -f1)"; echo; done > Packages)
mkdir -p r/etc/apt/apt.conf.d r/etc/apt/preferences.d r/etc/apt/trusted.gpg.d r/var/lib/apt/lists/partial r/var/cache/apt/archives/partial r/var/lib/dpkg/updates r/var/lib/dpkg/info r/var/log/apt r/tmp; touch r/var/lib/dpkg/status
echo "deb [trusted=yes] file:$PWD/repo ./" > r/etc/apt/sources.list
export APT_CONFIG=$PWD/apt.conf
cat >apt.conf <<END
Dir "$PWD/r";
Dir::State::status "$PWD/r/var/lib/dpkg/status";
Dir::Bin::dpkg "/usr/bin/dpkg";
Dir::Bin::methods "/usr/lib/apt/methods";
DPkg::Options {"--root=$PWD/r"; "--log=$PWD/log";};
END
apt-get -q update; echo "rc $?"
apt-get -q -y install dep; echo "rc $?"
(cd r; find usr var/lib/small var/cache/apt/archives var/lib/apt -printf '%p %U:%G %m %y\n' | sed 's/_D_.*_repo/REPO/' | sort)
apt-get -q -y remove small; echo "rc $?"
