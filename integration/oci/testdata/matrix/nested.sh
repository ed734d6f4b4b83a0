# User namespaces in a container.
exec 2>&1
cd /media
mkdir -p a
unshare -U -r -m sh -c 'mount -t tmpfs x /media/a && features mountinfo /media' 2>&1
unshare -U -r mount -t tmpfs x /media/a >/dev/null 2>&1 || echo status $?
features mountinfo /media
