q() { sqlite3 -batch -bail "$@"; }
schema='CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT UNIQUE, n INTEGER); CREATE INDEX tn ON t(n);'
q rollback.db "$schema" && q rollback.db <insert.sql && q rollback.db 'SELECT count(*), sum(n) FROM t; PRAGMA integrity_check;'
q rollback.db 'BEGIN; DELETE FROM t WHERE n > 50; SELECT count(*) FROM t; ROLLBACK; SELECT count(*) FROM t;'
for mode in persist truncate memory off delete; do q rollback.db "PRAGMA journal_mode=$mode; UPDATE t SET n = n + 1 WHERE id % 5 = 0;"; done
q rollback.db 'VACUUM;' && q rollback.db "VACUUM INTO 'into.db';" && q into.db 'SELECT sum(n) FROM t;'
q rollback.db .dump | sha1sum

q wal.db 'PRAGMA journal_mode=WAL;' "$schema" && q wal.db <insert.sql
q wal.db <<SQL
PRAGMA wal_autocheckpoint=0;
UPDATE t SET n = n * 2;
.shell ls wal.db*
PRAGMA wal_checkpoint(TRUNCATE);
SELECT sum(n) FROM t;
SQL
ls wal.db* && q -readonly wal.db 'SELECT count(*) FROM t;'

# Four writers and a reader at once, each waiting for the others.
q busy.db 'PRAGMA journal_mode=WAL; CREATE TABLE c(n INTEGER); INSERT INTO c VALUES(0);'
for writer in 1 2 3 4; do
	for i in $(seq 10); do echo '.timeout 60000'; echo 'UPDATE c SET n = n + 1;'; done | q busy.db &
done
for i in 1 2 3; do q -cmd '.timeout 60000' busy.db 'SELECT n >= 0 FROM c;'; done
wait
q busy.db 'SELECT n FROM c;' && rm busy.db*

# One that keeps others out.
mkfifo in
q rollback.db <in >out &
exec 3>in
printf 'BEGIN EXCLUSIVE;\nSELECT 1;\n' >&3
until grep -q 1 out; do sleep 0.01; done
q rollback.db 'SELECT count(*) FROM t;' 2>&1 || echo "kept out: $?"
printf 'COMMIT;\n' >&3 && exec 3>&- && wait
q rollback.db "ATTACH 'attached.db' AS a; CREATE TABLE a.t AS SELECT * FROM t; SELECT count(*) FROM a.t;"
chmod 444 into.db && q file:into.db?immutable=1 'SELECT max(n) FROM t;' && q none/x.db 'SELECT 1 FROM t;' 2>&1 || echo "none: $?"
