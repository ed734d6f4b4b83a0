#!/bin/sh
# bench.sh [FLAGS] measures Stead beside a bare C supervisor, strace and nothing. Flags go to bench: --strict, --rounds N,
# --calls N.
. "$(dirname "$0")/common.sh"
./scripts/deps.sh build bench
./scripts/build.sh

for program in floor target; do
	cc -O2 -Wall -Wextra -static -o "$BIN/bench-$program" "bench/$program.c"
done
go build -trimpath -buildvcs=false -tags "$GOTAGS" -o "$BIN/bench-plain" ./bench/plain
go build -trimpath -buildvcs=false -o "$BIN/bench" ./bench
"$BIN/bench" "$@"
