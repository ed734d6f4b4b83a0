show() { # show ARGUMENTS...: what find says, in an order of its own
	echo "find $*"
	find "$@" | sort
}
show tree/plain -newer reference -type f
show tree/plain ! -newer reference -type f
show tree -perm 0644 -name 'file[1-4]'
show tree -perm /6000
show tree -perm -0222 -printf '%P %m %u %g %n %s %l %y\n'
show tree -links +1 -type f
show tree -samefile tree/links/hard1
show tree -lname '*nowhere*'
show tree -xtype l
show tree -empty
show -L tree/links/directory -maxdepth 1
show tree -type p -o -type c -o -type b -o -type s
show tree -readable -writable -executable -type f
show tree -size +2k -newermt 2000-01-01 -not -newermt 2010-01-01
show tree -inum 0 -o -regex '.*/h[a-z]*[12]'
show tree -fstype nosuch -o -nouser -name 'file?'
find tree/plain -name 'file?' -exec wc -c {} + | sort
find tree/plain -name 'file[12]' -exec sh -c 'echo "$1 has $(wc -l <"$1")"' sh {} \; | sort
find tree/deep -name bottom -execdir sh -c 'echo "$1 $(pwd | tail -c 8)"' sh {} \;
find tree/names -type f -print0 | sort -z | xargs -0 -n 2 cksum
find tree -depth -name 'a*' -prune -o -name h -printf '%d %H\n'
find -L tree/links 2>&1 | sort
find tree -print0 | xargs -0 -n 3 -P 8 stat -c %A | sort | uniq -c
find absent 2>&1 || echo "absent: $?"
find tree/plain -name 'file8' -delete && ls tree/plain
find tree/modes -type d -name 'd*' -exec rm -rf {} + && ls tree/modes
find / -maxdepth 1 -name proc -printf '%p %y\n'
find /proc/self/fd -maxdepth 0 -printf '%p %y\n'
