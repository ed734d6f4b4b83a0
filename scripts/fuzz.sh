#!/bin/sh
# fuzz.sh [SECONDS] runs every fuzz target of the tree for its share of SECONDS (60), at least two seconds each.
. "$(dirname "$0")/common.sh"

total=${1:-60}
list=$(mktemp)
log=$(mktemp)
trap 'rm -f "$list" "$log"' EXIT
# Only packages that have a fuzz target are built for listing.
grep -rlE --include='*_test.go' '^func Fuzz[A-Z0-9_]' . | xargs -r -n1 dirname | sort -u | while read -r dir; do
	go test -list '^Fuzz' "$dir" | grep '^Fuzz' | sed "s|^|$dir |"
done >"$list"

count=$(wc -l <"$list")
[ "$count" -gt 0 ] || { say "no fuzz targets"; exit 0; }
each=$((total / count))
[ "$each" -ge 2 ] || each=2
say "$count fuzz targets, $each s each"

fuzz() { # fuzz DIR NAME
	fuzz_status=0
	go test -run '^$' -fuzz "^$2\$" -fuzztime "${each}s" "$1" >"$log" 2>&1 || fuzz_status=$?
	cat "$log"
	return "$fuzz_status"
}

# Before Go 1.27 the go command now and then takes the end of the fuzzing time itself for a failure, of which it prints this
# line and nothing else (go.dev/issue/75804). A real failure names its input or its seed.
cut_short() {
	grep -qx '    context deadline exceeded' "$log" && [ "$(grep -c -- '--- FAIL' "$log")" -eq 1 ] &&
		! grep -qE 'Failing input|seed corpus entry|panic' "$log"
}

failed=0
while read -r dir name; do
	if fuzz "$dir" "$name"; then continue; fi
	if cut_short; then
		say "$name: only the fuzzing time ended (go.dev/issue/75804)"
		continue
	fi
	failed=$((failed + 1))
done <"$list"
[ "$failed" -eq 0 ] || die "$failed of $count fuzz targets failed"
say "$count fuzz targets passed"
