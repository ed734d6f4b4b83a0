#!/bin/sh
# test.sh runs everything that must hold before a change lands, and ends with a summary. A step that fails does not keep
# the next ones from running. STEAD_FUZZ_SECONDS bounds the fuzzing (60); STEAD_REQUIRE=1 makes a missing tool a failure,
# STEAD_RUNTIMES=1 a container runtime that is missing or does not work here.
. "$(dirname "$0")/common.sh"
./scripts/deps.sh build test
[ "${STEAD_RUNTIMES:-}" != 1 ] || ./scripts/deps.sh runtimes

summary=$(mktemp)
trap 'rm -f "$summary"' EXIT

step() { # step NAME COMMAND...
	step_name=$1
	shift
	say "$step_name"
	step_start=$(date +%s)
	if "$@"; then step_result=ok; else step_result=FAILED; fi
	printf '%-22s %-7s %4d s\n' "$step_name" "$step_result" "$(($(date +%s) - step_start))" >>"$summary"
}

# packages PATTERN: the tree's packages whose path matches the extended pattern.
packages() { go list ./... | grep -E "$1"; }

unit() {
	# shellcheck disable=SC2046
	go test -count=1 -timeout 5m $(go list ./... | grep -v "^$MODULE/integration")
}

# The packages where goroutines share something; the others are tables and pure functions. emulate/container starts a container for
# each of its hundreds of rows, which takes minutes with the detector: some of its tests are enough.
race() {
	# shellcheck disable=SC2046
	go test -race -count=1 -timeout 5m $(packages "^$MODULE/(audit|emulate|policy|unotify|internal/procfs)(/|\$)" | grep -v emulate/container) &&
		go test -race -count=1 -timeout 5m -run 'TestRaces|TestDevices|TestKilled|TestFuse' "$MODULE/emulate/container"
}

integration() {
	[ -n "$(packages "^$MODULE/integration")" ] || return 0
	# shellcheck disable=SC2046
	STEAD="$BIN/stead" go test -count=1 -timeout 8m $(packages "^$MODULE/integration")
}

step build ./scripts/build.sh
step lint ./scripts/lint.sh
step "unit tests" unit
step "race detector" race
step "fuzz targets" ./scripts/fuzz.sh "${STEAD_FUZZ_SECONDS:-60}"
step "integration tests" integration

printf '\n'
cat "$summary"
if grep -q FAILED "$summary"; then
	echo "make test: FAILED"
	exit 1
fi
echo "make test: ok"
