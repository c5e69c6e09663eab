#!/usr/bin/env bash
# Buildroot runs this when everything is built, with the folder of images as $1: it
# puts the card together and looks whether everything has the size it should.
set -euo pipefail

BOARD=$(cd "$(dirname "$0")" && pwd)
# Fixed, so that two builds give the same bytes.
CARD_ID=6d696d61
DATA_ID=6d696d61-6d6f-7269-6461-746100000001
# A copy of the environment; uboot.fragment says the same.
ENVIRONMENT_SIZE=0x4000
BOOT_MIB=64
DATA_MIB=84
# In bytes. The root file system has to leave room in its slot for a time to come.
ROOT_LIMIT=${ROOT_LIMIT:-$((12 * 1000 * 1000))}
UBOOT_LIMIT=$((800 * 1024))

main() {
  images=$1
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-1767225600}
  cd "$images"
  boot_script
  environment
  boot_partition
  data_partition
  card
  sizes
}

boot_script() {
  mkimage -A arm -O linux -T script -C none -n mimamori -d "$BOARD/boot.cmd" boot.scr >/dev/null
}

# As U-Boot has it built in, and slot A.
environment() {
  local built_in=$TARGET_DIR/etc/u-boot-initial-env
  { grep -v -e '^slot=' "$built_in"; echo slot=A; } >"$work/environment"
  mkenvimage -r -s "$ENVIRONMENT_SIZE" -o uboot.env "$work/environment"
}

# One file after the other, with one date, in one order.
boot_partition() {
  local file date
  mkdir "$work/boot"
  cp rpi-firmware/* u-boot.bin boot.scr ./*.dtb "$work/boot/"
  cp "$BOARD/mimamori.toml" "$work/boot/mimamori.toml"
  date=$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y%m%d%H%M)
  rm -f boot.vfat
  mkfs.fat --invariant -F 32 -n MIMAMORI -i "$CARD_ID" -C boot.vfat $((BOOT_MIB * 1024)) >/dev/null
  for file in "$work"/boot/*; do
    TZ=UTC touch -t "$date" "$file"
    TZ=UTC mcopy -m -i boot.vfat "$file" ::
  done
}

# Empty; its journal is what survives a pulled plug.
data_partition() {
  rm -f data.ext4
  E2FSPROGS_FAKE_TIME=$SOURCE_DATE_EPOCH mke2fs -q -t ext4 -L data -U "$DATA_ID" \
    -E "hash_seed=$DATA_ID,lazy_itable_init=0,lazy_journal_init=0,root_owner=0:0" -m 0 data.ext4 "${DATA_MIB}M" >/dev/null
}

card() {
  mkdir "$work/root"
  rm -f sdcard.img
  genimage --rootpath "$work/root" --tmppath "$work/genimage" --inputpath . --outputpath . \
    --config "$BOARD/genimage.cfg" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
}

sizes() {
  at_most rootfs.squashfs "$ROOT_LIMIT"
  at_most u-boot.bin "$UBOOT_LIMIT"
}

at_most() {
  local size
  size=$(stat -c %s "$1")
  echo "post-image: $1: $size bytes of $2"
  ((size <= $2)) || { echo "post-image: $1 is too large: $size bytes, $2 allowed" >&2; exit 1; }
}

main "$@"
