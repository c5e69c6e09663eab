# For the scripts beside it, by `source`: what more than one of them asks.
# shellcheck shell=bash

# ldconfig is not in everybody's path.
PATH=$PATH:/usr/sbin:/sbin

# The library that bindgen loads; libclang-cpp is another one, which it can't use.
has_libclang() {
  [[ -n ${LIBCLANG_PATH:-} || $(ldconfig -p) =~ libclang(-[0-9.]+)?\.so ]]
}

# U-Boot's build makes tools that want it.
has_libssl() {
  [[ -e /usr/include/openssl/evp.h ]]
}

# As SWUpdate compares them: numbers, and perhaps a word behind a hyphen (semver.org).
is_version() {
  [[ $1 =~ ^(0|[1-9][0-9]{0,8})(\.(0|[1-9][0-9]{0,8})){2}(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$ ]]
}

# What scripts/emulate and scripts/test-arm run, each with its Debian package.
# shellcheck disable=SC2034 # read by those that source this
BOARD_TOOLS=(
  qemu-system-arm:qemu-system-arm qemu-arm:qemu-user make:make
  arm-linux-gnueabi-gcc-12:gcc-12-arm-linux-gnueabi arm-linux-gnueabi-strip:binutils-arm-linux-gnueabi
  mksquashfs:squashfs-tools sfdisk:fdisk mkfs.vfat:dosfstools mkfs.ext4:e2fsprogs
  genimage:genimage mcopy:mtools mkimage:u-boot-tools dpkg-source:dpkg-dev bison:bison flex:flex bc:bc
  ffmpeg:ffmpeg python3:python3 curl:curl
)
