# Packages by dpkg, and by apt-get from a repository in a directory. The package has a device, other owners, a set-id program, and a script
# that mounts.
exec 2>&1
dpkg -i /repo/stead-matrix.deb >/tmp/dpkg.log 2>&1 || cat /tmp/dpkg.log
dpkg-query -W
ls -ln /opt/stead | sed 's/  */ /g' | cut -d' ' -f1,3-5,9-
cat /media/from-postinst
dpkg -P stead-matrix >/tmp/dpkg.log 2>&1 || cat /tmp/dpkg.log
ls /opt/stead 2>&1
apt-get -q -o APT::Sandbox::User=root update >/tmp/apt.log 2>&1 || cat /tmp/apt.log
apt-get -q -y install stead-matrix >/tmp/apt.log 2>&1 || cat /tmp/apt.log
dpkg-query -W
ls -ln /opt/stead | sed 's/  */ /g' | cut -d' ' -f1,3-5,9-
echo x >/opt/stead/null && echo written
apt-get -q -y purge stead-matrix >/tmp/apt.log 2>&1 || cat /tmp/apt.log
dpkg-query -W
