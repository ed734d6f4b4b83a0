export APT_CONFIG="$PWD/apt.conf" DEBIAN_FRONTEND=noninteractive
apt-get -q update
apt-cache policy stead-two | sed "s|$PWD|.|" && apt-get -q --print-uris install stead-two | sed "s|$PWD|.|"
apt-get -q -y install stead-two=1.0
dpkg --root="$PWD/root" -l 'stead-*' | tail -n 2 && cat root/usr/share/stead-two/link
apt-get -q -y upgrade && cat root/usr/share/stead-two/file2
apt-get -q -y -d install --reinstall stead-one && (mkdir download && cd download && apt-get -q download stead-two=2.0 && ls)
apt-get -q -y remove stead-two && apt-mark showmanual && apt-get -q -y autoremove && ls root/usr/share
apt-get -q -y install stead-none || echo "none: $?"
apt-get -q check && apt-get clean
