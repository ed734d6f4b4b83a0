#!/bin/sh
# lint.sh checks form and the direction of imports: gofmt, go vet, depguard (.depguard.yml), staticcheck, shellcheck if
# it is there. The Go tools are pinned in tools/go.mod. All of them run; the exit status says whether all agreed.
. "$(dirname "$0")/common.sh"
./scripts/deps.sh build

status=0
check() { # check NAME COMMAND...
	check_name=$1
	shift
	if "$@"; then
		say "lint: $check_name ok"
	else
		say "lint: $check_name found faults"
		status=1
	fi
}

formatted() {
	unformatted=$(find . -name '*.go' -not -path './.git/*' -not -path '*/testdata/*' -exec gofmt -l {} +)
	[ -z "$unformatted" ] || { printf 'not formatted by gofmt:\n%s\n' "$unformatted"; return 1; }
}

shells() {
	shellcheck -S warning -x -P scripts scripts/*.sh .ci/run
}

check gofmt formatted
check vet go vet ./...
check depguard go tool "$TOOLS" depguard ./...
check staticcheck go tool "$TOOLS" staticcheck ./...
if have shellcheck; then check shellcheck shells; fi
exit $status
