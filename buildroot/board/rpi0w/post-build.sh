#!/usr/bin/env bash
# Buildroot runs this on the root file system ($1) before the images are made of it.
set -euo pipefail

main() {
  target=$1
  only_own_init_scripts
  boot_files
  places_to_write
  build_date
  version
  updates
  leave_out
  no_links_outside
}

# overlay/ is the whole of it; a package's script would start a second of something.
only_own_init_scripts() {
  find "$target/etc/init.d" -mindepth 1 ! -name rcS ! -name rcK -delete
  rm -rf "$target/etc/network" "$target/etc/profile.d"
}

# The kernel and its descriptions belong to the slot: U-Boot loads them from there.
boot_files() {
  local each
  for each in zImage bcm2835-rpi-zero-w.dtb bcm2835-rpi-zero.dtb; do
    install -D -m 644 "$BINARIES_DIR/$each" "$target/boot/$each"
  done
}

# The root file system is read-only: what changes lies in RAM or on /data.
places_to_write() {
  ln -sfn /run/resolv.conf "$target/etc/resolv.conf"
  rm -rf "$target/var/"{run,lock,tmp,log,cache,spool,lib}
  ln -sfn /run "$target/var/run"
  ln -sfn /run "$target/var/lock"
  ln -sfn /tmp "$target/var/tmp"
  ln -sfn /tmp "$target/var/log"
  mkdir -p "$target"/{run,tmp,mnt,data,proc,sys,dev}
  # U-Boot's environment, for who ends a trial: two copies outside any file system.
  printf '%s\n' '/dev/mmcblk0 0x400000 0x4000' '/dev/mmcblk0 0x800000 0x4000' >"$target/etc/fw_env.config"
}

# The camera's clock starts no earlier than this.
build_date() {
  echo "${MIMAMORI_DATE:-$SOURCE_DATE_EPOCH}" >"$target/etc/build-date"
}

# Which version of the image this is: two images may hold the same program.
version() {
  rm -f "$target/etc/os-release" "$target/usr/lib/os-release"
  printf '%s\n' NAME=mimamori ID=mimamori "VERSION_ID=$MIMAMORI_IMAGE_VERSION" "VERSION=$MIMAMORI_IMAGE_VERSION" \
    "PRETTY_NAME=\"mimamori $MIMAMORI_IMAGE_VERSION\"" >"$target/etc/os-release"
}

# Whose updates are taken, and none older than what.
updates() {
  install -D -m 644 "$MIMAMORI_TRUSTED" "$target/etc/mimamori/update-keys.pem"
  install -m 644 "$(dirname "$0")/update-floor" "$target/etc/mimamori/update-floor"
  # Tools for people, and settings that nobody reads.
  rm -rf "$target/usr/lib/swupdate" "$target/etc/swupdate" "$target/usr/bin/"swupdate-*
}

# Firmware of other boards' chips; what only a build machine reads.
leave_out() {
  local firmware=$target/lib/firmware
  find "$firmware" ! -type d ! -name 'regulatory.db*' ! -name '*43430-sdio.bin' ! -name '*43430-sdio.clm_blob' \
    ! -name '*43430-sdio.raspberrypi,*' ! -name '*43430-sdio.txt' -delete
  find "$firmware" -xtype l -delete
  find "$firmware" -type d -empty -delete
  rm -rf "${target:?}/"{media,opt} "$target/usr/share/"{man,doc,bash-completion,locale,et,ss,zcip} \
    "$target/etc/avahi/"{hosts,avahi-dnsconfd.action} "$target/usr/sbin/avahi-dnsconfd" \
    "$target/etc/"{issue,profile,mtab,protocols,services,nsswitch.conf}
  find "$target" -name .keep -delete
}

# Links into the folder of this build.
no_links_outside() {
  find "$target/lib/modules" -maxdepth 2 \( -name build -o -name source \) -delete
}

main "$@"
