# Two packages in a repository of files, and an empty system.
newline=$'\n'
package() { # package NAME VERSION DEPENDS
	mkdir -p "build/DEBIAN" "build/usr/share/$1"
	printf 'Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: n <e@example.org>\n%sDescription: a package\n' \
		"$1" "$2" "${3:+Depends: $3$newline}" >build/DEBIAN/control
	for i in 1 2 3; do echo "$1 $2 $i" >"build/usr/share/$1/file$i"; done
	ln -s file1 "build/usr/share/$1/link"
	dpkg-deb --root-owner-group -b build "repository/$1_$2_all.deb" >/dev/null
	rm -r build
}

mkdir repository
package stead-one 1.0 ''
package stead-two 1.0 'stead-one (>= 1.0)'
package stead-two 2.0 'stead-one (>= 1.0)'
for deb in repository/*.deb; do
	dpkg-deb -f "$deb"
	printf 'Filename: %s\nSize: %s\nSHA256: %s\n\n' "${deb#repository/}" "$(stat -c %s "$deb")" "$(sha256sum "$deb" | cut -d' ' -f1)"
done >repository/Packages
gzip -9kn repository/Packages
{
	printf 'Origin: stead\nSuite: small\nArchitectures: all %s\nDate: Fri, 14 Jul 2017 02:40:00 UTC\nSHA256:\n' "$(dpkg --print-architecture)"
	for index in Packages Packages.gz; do
		echo " $(sha256sum "repository/$index" | cut -d' ' -f1) $(stat -c %s "repository/$index") $index"
	done
} >repository/Release
mkdir -p root/var/lib/dpkg/{info,updates,triggers} root/var/lib/apt/lists/partial root/var/cache/apt/archives/partial root/var/log/apt
mkdir -p root/etc/apt/{apt.conf.d,preferences.d,sources.list.d,trusted.gpg.d} root/usr
: >root/var/lib/dpkg/status
echo "deb [trusted=yes] file:$PWD/repository ./" >root/etc/apt/sources.list
cat >apt.conf <<CONF
Dir "$PWD/root";
Dir::State::status "$PWD/root/var/lib/dpkg/status";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
Dir::Log::Planner "";
Dir::Bin::dpkg "$(command -v dpkg)";
DPkg::Options { "--root=$PWD/root"; };
DPkg::Use-Pty "false";
DPkg::Path "";
APT::Architecture "$(dpkg --print-architecture)";
APT::Install-Recommends "false";
Acquire::Languages "none";
CONF
