#!/bin/sh
# install.sh [PREFIX] builds and copies bin/stead to PREFIX/bin (/usr/local). DESTDIR is put in front, for packagers.
. "$(dirname "$0")/common.sh"
./scripts/build.sh

dest="${DESTDIR:-}${1:-/usr/local}/bin"
mkdir -p "$dest"
install -m 0755 "$BIN/stead" "$dest/stead"
say "installed $dest/stead"
