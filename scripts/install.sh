#!/bin/sh
# install.sh [PREFIX] builds and copies bin/stead to PREFIX/bin (/usr/local), and what the agent runs in to PREFIX/libexec/stead. DESTDIR
# is put in front, for packagers.
. "$(dirname "$0")/common.sh"
./scripts/build.sh

dest="${DESTDIR:-}${1:-/usr/local}"
mkdir -p "$dest/bin" "$dest/libexec/stead"
install -m 0755 "$BIN/stead" "$dest/bin/stead"
install -m 0755 "$BIN/stead-whole" "$dest/libexec/stead/stead-whole"
say "installed $dest/bin/stead and $dest/libexec/stead/stead-whole"
