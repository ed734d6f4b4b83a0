#!/bin/sh
# clean.sh removes what the other scripts build.
. "$(dirname "$0")/common.sh"
rm -rf "$BIN"
