# Loops, pipes, redirections, subshells, substitutions and jobs.
set -e
mkdir work
cd work
for i in 1 2 3 4 5 6 7 8; do
	echo "line $i of the file" >"file.$i"
	ln -s "file.$i" "link.$i"
done
cat file.* | sort -r | head -n 3 >sorted
wc -l <sorted >count 2>&1
n=$(grep -c line file.3)
[ "$n" = 1 ] || exit 1
(cd / && pwd) >>count
while read -r word rest; do
	printf '%s:%s\n' "$rest" "$word"
done <sorted >turned
cat <<EOF >here
a document with $n
EOF
sleep 0.3 &
job=$!
wait "$job"
{ echo one; echo two; } | while read -r x; do echo "$x" >>turned; done
chmod 600 turned
mv turned moved
cp moved copied
cmp moved copied
test -L link.1 && rm link.*
trap 'echo asked to stop >stopped' USR1
kill -USR1 $$
false || true
ls -la / >listing
exec 5>fifth
echo fifth >&5
exec 5>&-
rm -r ../work
