{
	echo 'BEGIN;'
	for i in $(seq 500); do echo "INSERT INTO t(name, n) VALUES('name$i', $((i * 37 % 101)));"; done
	echo 'COMMIT;'
} >insert.sql
