list='--out-format=%i %n %L'
if [ "$(id -u)" = 0 ]; then all=-aHAX; else all=-aH; chmod u+r source/modes/f0000; fi
rsync $all "$list" source/ copy/
rsync $all "$list" source/ copy/ # nothing to do
rsync -aS source/sparse sparse
rm -r source/modes && echo changed >>source/plain/file3 && chmod 600 source/plain/file4 && mv source/plain/file5 source/plain/moved
rsync $all --delete --backup --suffix=.old "$list" source/ copy/
rsync -a --link-dest=../copy source/plain copy/plain linked/
rsync -a --inplace --no-whole-file source/plain/file3 copy/plain/file6 inplace/
rsync -a --delay-updates --fuzzy --checksum "$list" source/plain/ delayed/
rsync -rlptD --chmod=D2770,F640 --exclude='file[1-3]' "$list" source/plain/ chmod/
rsync -r --remove-source-files source/names/ names/ && ls -A source/names
rsync -a source/none nowhere/ 2>&1 | sed 's/ *\[.*//' || true
