# Headers without the times that differ from run to run, so that the archives are the same to the byte.
# The format of sparse files is the one that does not name the process.
format='--format=posix --sparse-version=0.0 --pax-option=exthdr.name=%d/x/%f,delete=atime,delete=ctime'
# shellcheck disable=SC2086
tar $format --sort=name --xattrs --xattrs-include='*' -cSf all.tar tree
tar -tvf all.tar
mkdir out
tar --xattrs --xattrs-include='*' -xpSf all.tar -C out
tar -df all.tar -C out && echo the same

# Over what is there already: with other permissions, by name, without directories' times, some members only.
chmod 700 out/tree/plain
tar -xf all.tar -C out --no-overwrite-dir tree/plain && tar -xf all.tar -C out --overwrite tree/plain
tar -xf all.tar -C out --unlink-first --recursive-unlink tree/links
tar -xf all.tar -C out --keep-old-files tree/deep || echo "kept: $?"
mkdir umask && (umask 077 && tar --no-same-permissions --no-same-owner -xf all.tar -C umask tree/modes)
mkdir stripped && tar -xf all.tar -C stripped --strip-components=2 --touch tree/plain
mkdir ids && tar -xf all.tar -C ids --numeric-owner tree/plain/file2

# Changes: delete, append, update, a listed-incremental pair of archives.
tar -cf few.tar tree/plain/file? && tar --delete -f few.tar tree/plain/file2 && tar -rf few.tar -C out tree/links && tar -uf few.tar tree/plain/file1
tar -tf few.tar
tar -c --listed-incremental=snap -f level0.tar tree/plain && rm tree/plain/file7 && echo more >tree/plain/new
tar -c --listed-incremental=snap -f level1.tar tree/plain && tar -tf level1.tar
mkdir restored && tar -x --listed-incremental=/dev/null -f level0.tar -C restored &&
	tar -x --listed-incremental=/dev/null -f level1.tar -C restored && ls restored/tree/plain
touch -d @1000000000 tree/plain tree/plain/new

# Through pipes, through a compressor of its own, and what cannot work.
tar -cf - tree/plain | (mkdir piped && cd piped && tar -xf -)
tar -czf plain.tgz tree/plain && tar -tzf plain.tgz | wc -l
tar -xf none.tar || echo "none: $?"
mkdir shut && chmod 500 shut && tar -xf all.tar -C shut tree/plain/file1 || echo "shut: $?"
