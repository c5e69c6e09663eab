# What a slot is made of, by `source`: as Buildroot does it for the real one.
# shellcheck shell=bash

# The root file system $1 as $2. U-Boot does not read everything that mksquashfs can do.
pack_slot() {
  mksquashfs "$1" "$2" -all-root -noappend -quiet -no-progress -comp zstd -Xcompression-level 9 \
    >"$2.log" 2>&1 || { cat "$2.log" >&2; return 1; }
}

# /etc/os-release of version $1: see buildroot/board/rpi0w/post-build.sh.
version_file() {
  printf '%s\n' NAME=mimamori ID=mimamori "VERSION_ID=$1" "VERSION=$1" "PRETTY_NAME=\"mimamori $1\""
}
