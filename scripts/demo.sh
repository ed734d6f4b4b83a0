#!/bin/sh
# demo.sh builds Stead, shows what it sees of a small shell pipeline (ls, cat, a connection over the loopback), and puts a
# program under a policy.
. "$(dirname "$0")/common.sh"
./scripts/deps.sh build demo
./scripts/build.sh

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
stead="$BIN/stead"

title() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] || title() { printf '\n%s\n' "$*"; }

mkdir "$work/files"
printf 'a file of the demo\n' >"$work/files/hello.txt"
cat >"$work/pipeline.sh" <<'EOF'
cd "$1"
busybox ls files | busybox sort
busybox cat files/hello.txt missing.txt 2>/dev/null
busybox httpd -f -p "127.0.0.1:$2" -h files &
server=$!
for try in 1 2 3 4 5 6 7 8 9 10; do
	busybox wget -q -O - "http://127.0.0.1:$2/hello.txt" 2>/dev/null && break
	busybox sleep 0.1
done
kill $server
EOF
port=$((20000 + $$ % 20000))

traced() { # traced FLAGS...: the pipeline under stead trace; the shell's word that the server was ended is not shown
	"$stead" trace "$@" -- busybox sh "$work/pipeline.sh" "$work" "$port" 2>/dev/null
	port=$((port + 1))
}

title "What the pipeline prints, traced (stead trace --calls execve,openat,open,getdents64,%network -o FILE -- sh pipeline.sh)"
traced --calls execve,openat,open,getdents64,%network -o "$work/text"

title "What Stead saw: $(wc -l <"$work/text") calls"
lines=64
head -n $lines "$work/text"
[ "$(wc -l <"$work/text")" -le $lines ] || echo "..."

title "The connections, as JSON lines (--format json)"
traced --calls connect,bind,accept,accept4 --format json -o "$work/json" >/dev/null
head -n 4 "$work/json"

title "Counted (-c), everything that may safely be notified (--all)"
traced --all -c -o "$work/counts" >/dev/null
head -n 15 "$work/counts"

title "What this machine can do (stead doctor)"
"$stead" doctor || true

title "A policy: the preset 'build' writes only below the current directory and has no network"
cat >"$work/try.sh" <<'EOF'
echo mine >mine.txt && echo "wrote mine.txt"
echo yours >/etc/stead-demo || echo "could not write /etc/stead-demo"
busybox wget -q -O - http://127.0.0.1/ || echo "could not connect"
EOF
(cd "$work/files" && "$stead" run --preset build --on-deny print -- busybox sh "$work/try.sh") 2>&1 || true
"$stead" policy explain --preset build 'openat(AT_FDCWD, "/etc/stead-demo", O_WRONLY|O_CREAT, 0666)'

title "The same with a hidden directory: calls on files are performed by the supervisor now, so it is not there at all"
mkdir "$work/files/keys"
echo secret >"$work/files/keys/key"
ln -s keys "$work/files/link"
cat >"$work/hide.yaml" <<EOF
version: 1
default: allow
files: {read: [/], write: [/dev], exec: [/bin, /sbin, /usr, /lib, /lib64], hide: ["$work/files/keys"]}
EOF
(cd "$work/files" && "$stead" run --policy "$work/hide.yaml" -- busybox sh -c 'ls; cat keys/key link/key; cat /proc/self/cwd/keys/key') 2>&1 || true

./scripts/demo_container.sh "$work" "$stead"

title "Next: bin/stead trace -- any program of yours; docs/manual.md has the rest."
