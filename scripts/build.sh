#!/bin/sh
# build.sh makes bin/stead: one statically linked program, version and commit inside.
# STEAD_OUT names another output file, STEAD_VERSION another version.
. "$(dirname "$0")/common.sh"
./scripts/deps.sh build

out=${STEAD_OUT:-$BIN/stead}
read -r version commit <<EOF
$(./scripts/version.sh)
EOF
mkdir -p "$(dirname "$out")"

build() { # build OUTPUT TAGS
	go build -trimpath -buildvcs=false -tags "$2" -o "$1" -ldflags "\
 -s -w -linkmode external -extldflags -static \
 -X $MODULE/internal/version.Version=$version -X $MODULE/internal/version.Commit=$commit" ./cmd/stead
}

# The program that runs others starts faster; it has the whole one inside, and beside it (cmd/stead/whole.go).
build cmd/stead/stead-whole "$GOTAGS"
build "$out" "$GOTAGS,embedwhole"
install -m 0755 cmd/stead/stead-whole "$(dirname "$out")/stead-whole"
say "built $out ($version, $commit)"
