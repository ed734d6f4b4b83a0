# Sourced by the other scripts: goes to the root of the tree and defines what they share.
# POSIX sh, so that a machine without bash can build.
# shellcheck shell=sh
set -eu

cd "$(dirname "$0")/.."
ROOT=$(pwd)
BIN="$ROOT/bin"
MODULE=github.com/stead-project/stead
# The tags take name lookups from Go itself: the C library's cannot be linked statically.
GOTAGS=netgo,osusergo
TOOLS="-modfile=tools/go.mod"
export ROOT BIN MODULE GOTAGS TOOLS CGO_ENABLED="${CGO_ENABLED:-1}"

# say TEXT... prints a progress line on standard error, out of the way of what a script prints.
say() { printf '%s\n' "== $*" >&2; }

# die TEXT... stops with one line.
die() { printf '%s\n' "stead: $*" >&2; exit 1; }

# have COMMAND... succeeds if every command is in PATH.
have() {
	for have_cmd in "$@"; do
		command -v "$have_cmd" >/dev/null 2>&1 || return 1
	done
}
