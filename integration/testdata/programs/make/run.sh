make -s -j2 -C project && project/program
make -C project | sed 's/^make\[*[0-9]*\]*: //' # up to date
sleep 0.02 # so that the next time of a file is another one
echo 'int f7(int n) { return n - 1; }' >project/f7.c
make -C project 2>&1 | grep -v directory
make -q -C project && echo nothing to do
touch -d 2050-01-01 project/f3.c && make -s -C project 2>/dev/null && project/program
make -s -C project install DESTDIR="$PWD/root" && root/bin/program
rm project/f8.o && echo 'int f8(' >project/f8.c && { make -s -C project 2>/dev/null || echo "broken: $?"; } && ls project/f8.o 2>/dev/null || echo no object
