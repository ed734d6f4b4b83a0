#!/bin/sh
# version.sh prints "VERSION COMMIT" of the tree: the tag if there is one. Works where git or the history is absent.
. "$(dirname "$0")/common.sh"

commit=unknown
version=${STEAD_VERSION:-}
if have git && git rev-parse --git-dir >/dev/null 2>&1; then
	commit=$(git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
	[ "$commit" = unknown ] || [ -z "$(git status --porcelain 2>/dev/null)" ] || commit="$commit-dirty"
	[ -n "$version" ] || version=$(git describe --tags --match 'v*' 2>/dev/null || true)
fi
echo "${version:-v0.0.0-dev} $commit"
