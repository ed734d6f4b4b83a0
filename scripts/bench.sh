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
go build -trimpath -buildvcs=false -tags "$GOTAGS" -o "$BIN/bench-policy" ./bench/policies
go build -trimpath -buildvcs=false -o "$BIN/bench" ./bench
for program in floor target; do
	cc -O2 -Wall -Wextra -static -o "$BIN/bench-performed-$program" "bench/performed/$program.c"
done
for program in floor target; do
	cc -O2 -Wall -Wextra -static -o "$BIN/bench-mounts-$program" "bench/mounts/$program.c"
done
go build -trimpath -buildvcs=false -o "$BIN/bench-performed" ./bench/performed
go build -trimpath -buildvcs=false -o "$BIN/bench-workloads" ./bench/workloads

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

project() { # a C project of 120 files
	mkdir "$work/c"
	for i in $(seq 120); do
		printf '#include <stdio.h>\n#include <stdlib.h>\nint f%d(int n) { char b[64]; snprintf(b, sizeof b, "%%d", n); return atoi(b) + %d; }\n' \
			"$i" "$i" >"$work/c/f$i.c"
	done
	printf 'objects := $(patsubst %%.c,%%.o,$(wildcard f*.c))\nlib.a: $(objects)\n\tar rcs $@ $(objects)\n' >"$work/c/Makefile"
}

repository() { # 10,000 committed files
	for dir in $(seq 100); do
		mkdir -p "$work/git/d$dir"
		for file in $(seq 100); do echo "$dir $file" >"$work/git/d$dir/f$file"; done
	done
	git -C "$work/git" init -q
	git -C "$work/git" add -A
	git -C "$work/git" -c user.name=bench -c user.email=bench@localhost commit -qm all
}

project
repository
cat >"$work/policy.yaml" <<POLICY
version: 1
name: bench
default: allow
files: {read: [/], create: ["$work", /tmp, /dev], exec: [/]}
rules:
  - {calls: [socket], when: domain == AF_ALG, then: {deny: EAFNOSUPPORT}}
POLICY
# A python3 that is a script choosing one among several would be measured too.
PYTHON=$(python3 -c 'import sys; print(sys.executable)') || PYTHON=python3
export PYTHON
"$BIN/bench" --work "$work" "$@"
strict=
case " $* " in *" --strict "*) strict=--strict ;; esac
"$BIN/bench-performed" --stead "$BIN/stead" --floor "$BIN/bench-performed-floor" --target "$BIN/bench-performed-target" \
	--mount-floor "$BIN/bench-mounts-floor" --mounter "$BIN/bench-mounts-target" $strict
"$BIN/bench-workloads" --stead "$BIN/stead" --rounds 3
