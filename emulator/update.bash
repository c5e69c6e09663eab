# Updates on the emulated board, by `source` behind programs.bash: Debian's SWUpdate, and
# what it goes by. emulator/bundle makes bundles for it, with keys of these tests' own.
# shellcheck shell=bash disable=SC2154,SC2034

PROGRAM_PACKAGES+=(swupdate tcpdump)
PROGRAMS+=(usr/bin/swupdate)
# The version that the card has in both of its slots.
BOARD_VERSION=1.0.0

# Into the root file system $1.
install_update() {
  version_file $BOARD_VERSION >"$1/etc/os-release"
  MIMAMORI_KEYS=$work/keys MIMAMORI_KEY='' MIMAMORI_TRUST='' scripts/keys trusted \
    >"$work/update-keys.pem" 2>"$work/keys.log" || { cat "$work/keys.log" >&2; return 1; }
  install -D -m 644 "$work/update-keys.pem" "$1/etc/mimamori/update-keys.pem"
  install -m 644 buildroot/board/rpi0w/update-floor "$1/etc/mimamori/update-floor"
  leave_languages_out "$1"
}

# SWUpdate's libraries bring the tables of all languages with them, half of the slot;
# nobody asks for one. The library that links to them finds a table with nothing in it.
leave_languages_out() {
  local file number
  for file in "$1"/lib/libicudata.so.*; do
    number=${file##*.}
    rm "$file"
    echo "const char icudt${number}_dat[64] = { 0 };" |
      "$CROSS_CC" -x c -shared -nostdlib -Wl,-soname,"${file##*/}" -o "$file" -
  done
}

# tcpdump, for the tests to see when frames leave the board, into the folder $1 of /data:
# no real slot has it.
put_measure() {
  install -D -m 755 "$work/debian/usr/bin/tcpdump" "$1/usr/bin/tcpdump"
  mkdir -p "$1/lib"
  install_libraries "$1" "$work/debian/usr/bin/tcpdump"
}
