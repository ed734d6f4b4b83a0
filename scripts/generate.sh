#!/bin/sh
# generate.sh writes every generated file anew. The generators' own tests fail while one is out of date.
. "$(dirname "$0")/common.sh"
have go || die "Go is missing: install Go 1.26 or later from your system's packages or go.dev/dl"

# The generated files are part of the packages that the generators themselves do not import, so this needs no C compiler.
CGO_ENABLED=0 go generate ./...
