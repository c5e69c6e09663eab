# What the emulated board is made of, by `source`: Debian's kernel, the stand-in
# camera built for it, a film for it, and the SD card. Steps leave what they have
# found out in files of the folder $work, because each runs in a shell of its own.
# shellcheck shell=bash disable=SC2154

CROSS=arm-linux-gnueabi-
CROSS_CC=arm-linux-gnueabi-gcc-12
# What the Zero's own kernel will have built in. crc32c is ext4's, by name only;
# without the chip's random numbers, the first key has to wait for seconds.
MODULES=bcm2835-rng,crc32c_generic,ext4,squashfs,vfat,nls_cp437,nls_ascii,cdc_ether
# And what the real one has in hardware, or loads by itself.
MODULES+=,softdog,leds-gpio,zram
FILM_WIDTH=1280
FILM_HEIGHT=720
FILM_SECONDS=20
FILM_BITRATE=1500k
# Of the card's fourth partition, in MiB; buildroot/board/rpi0w/genimage.cfg has the others.
DATA_SIZE=84
# The board that QEMU's raspi0 says it is: the one without Wi-Fi.
BOARD_TREE=bcm2835-rpi-zero.dtb

# The newest kernel for the Zero that the index has.
fetch_packages() {
  local kernel common kbuild programs debian_files
  debian_set_up
  debian_update
  kernel=$(debian_dependency linux-image-rpi:armel linux-image-)
  [[ -n $kernel ]] || die "Debian's index has no kernel for the Zero (linux-image-rpi, armel)"
  kernel=${kernel#linux-image-}
  common=$(debian_dependency "linux-headers-$kernel:armel" linux-headers-)
  kbuild=$(debian_dependency "linux-headers-$kernel:armel" linux-kbuild-)
  mapfile -t programs < <(program_packages)
  ((${#programs[@]})) || die "Debian's index does not know all of: ${PROGRAM_PACKAGES[*]}"
  echo "  Debian's kernel $kernel"
  echo "$kernel" >"$work/kernel-version"
  debian_fetch "linux-image-$kernel:armel" "linux-headers-$kernel:armel" "$common" \
    "$kbuild:$(dpkg --print-architecture)" busybox-static:armel "${programs[@]}"
  printf '%s\n' "${debian_files[@]}" >"$work/packages"
}

# Of 16,000 files, those that are needed.
unpack_packages() {
  local file exclude=(
    'kernel/sound' 'kernel/net' 'kernel/drivers/net/[a-ln-tv-z]*' 'kernel/drivers/[ad-ko-tvx-z]*'
    'kernel/drivers/c[a-gi-z]*'
    'kernel/drivers/media/[d-lo-u]*'
    'arch/[b-z]*' 'arch/al*' 'arch/arc' 'arch/arm64' 'include/config/[A-Z]*' 'usr/share'
  )
  exclude=("${exclude[@]/#/--exclude=*/}")
  mkdir -p "$work/debian"
  while read -r file; do
    dpkg-deb --fsys-tarfile "$file" | tar -x -C "$work/debian" --no-same-owner "${exclude[@]}"
  done <"$work/packages"
}

# A kernel module for the board, with the machine's own tools of the kernel's build.
build_camera() {
  local kernel source=$work/debian/usr/src log=$work/camera.log
  kernel=$(<"$work/kernel-version")
  cp -r emulator/camera "$work/camera"
  # Debian's file names the place where the package would have been installed.
  sed -i "s|/usr/src/|$source/|" "$source/linux-headers-$kernel/Makefile"
  make -C "$source/linux-headers-$kernel" ARCH=arm CROSS_COMPILE=$CROSS CC=$CROSS_CC \
    M="$work/camera" modules >"$log" 2>&1 || { cat "$log" >&2; die "the stand-in camera does not build"; }
  "${CROSS}strip" -g "$work/camera/stand_in_camera.ko"
  rm -rf "$work/debian/usr/src"
}

# One slice per picture and a keyframe every two seconds, as the Pi's encoder gives.
make_film() {
  local size=${FILM_WIDTH}x$FILM_HEIGHT
  ffmpeg -nostdin -v error -f lavfi -i "testsrc2=size=$size:rate=30:duration=$FILM_SECONDS" \
    -pix_fmt yuv420p -c:v libx264 -profile:v baseline -level:v 3.1 -preset ultrafast \
    -b:v $FILM_BITRATE -maxrate $FILM_BITRATE -bufsize $FILM_BITRATE \
    -x264-params keyint=60:min-keyint=60:scenecut=0:slices=1:sliced-threads=0:aud=0 \
    -f h264 -y "$work/film.h264"
  emulator/film.py "$work/film.h264" $FILM_WIDTH $FILM_HEIGHT "$work/film"
}

make_initramfs() {
  local kernel
  kernel=$(<"$work/kernel-version")
  emulator/initramfs.py --kernel "$work/debian/lib/modules/$kernel" --modules "$MODULES,$NETWORK_MODULES" \
    "$work/initramfs" emulator/guest/init=init emulator/guest/shell=shell \
    "$work/debian/bin/busybox=bin/busybox" "$work/film=film" \
    "$work/camera/stand_in_camera.ko=stand_in_camera.ko"
}

# The product's own root file system, with Debian's programs in place of Buildroot's.
# The kernel belongs to it, as on the real card.
make_root() {
  local root=$work/root busybox=$work/debian/bin/busybox path
  mkdir -p "$root"
  cp -a overlay/. "$root"
  find "$root" -name .keep -delete
  mkdir -p "$root"/{bin,sbin,usr/bin,usr/sbin,dev,proc,sys,run,tmp,mnt,lib}
  install -m 755 "$busybox" "$root/bin/busybox"
  for path in $(qemu-arm "$busybox" --list-full); do
    [[ -e $root/$path ]] || ln -s /bin/busybox "$root/$path"
  done
  install_programs "$root"
  fit_avahi "$root"
  install_wifi "$root"
  install_update "$root"
  install -m 755 "$(<"$work/program")" "$root/usr/bin/mimamori"
  date -u +%s >"$root/etc/build-date"
  printf '%s\n' '/dev/mmcblk0 0x400000 0x4000' '/dev/mmcblk0 0x800000 0x4000' >"$root/etc/fw_env.config"
  install_kernel "$root"
  chmod 600 "$root/etc/shadow"
  pack_slot "$root" "$work/slot"
}

install_kernel() {
  local kernel
  kernel=$(<"$work/kernel-version")
  install -D -m 644 "$work/debian/boot/vmlinuz-$kernel" "$1/boot/zImage"
  install -m 644 "$work/debian/usr/lib/linux-image-$kernel/$BOARD_TREE" "$1/boot/"
}

# A kernel that finds no system behind it, and panics.
make_broken_slot() {
  mkdir "$work/broken"
  install_kernel "$work/broken"
  pack_slot "$work/broken" "$work/broken-slot"
}

# The user's settings on the card: the delivered ones, and under which address the
# forwarded port is reached.
make_data() {
  mkdir -p "$work/data"
  {
    cat overlay/etc/mimamori.toml
    echo "announce = [\"$address:$port\"]"
  } >"$work/data/mimamori.toml"
  put_computer_modules "$work/data/computer"
  put_measure "$work/data/measure"
  qemu-arm -cpu arm1176 "$(<"$work/program")" --config "$work/data/mimamori.toml" --check-config >/dev/null ||
    die "the program refuses overlay/etc/mimamori.toml"
}

# By the same script and the same table as the real one.
make_card() {
  local images=$work/images target=$work/target
  mkdir -p "$images/rpi-firmware" "$target/etc"
  cp "$work/loader/u-boot.bin" "$images/"
  cp "$work/loader/u-boot-initial-env" "$target/etc/"
  cp buildroot/board/rpi0w/config.txt "$images/rpi-firmware/"
  cp "$work/root/boot/$BOARD_TREE" "$images/"
  ln "$work/slot" "$images/rootfs.squashfs"
  TARGET_DIR=$target ROOT_LIMIT=$((48 << 20)) buildroot/board/rpi0w/post-image.sh "$images" >"$work/card.log" 2>&1 ||
    { cat "$work/card.log" >&2; return 1; }
  mv "$images/sdcard.img" "$work/card"
  put_settings
  put_data
}

# The owner's file, which the camera takes in again when it has lost its own settings.
put_settings() {
  { echo "announce = [\"$address:$port\"]"; cat buildroot/board/rpi0w/mimamori.toml; } >"$work/mimamori.toml"
  mcopy -o -i "$work/card@@$(($(partition_start 1) * 512))" "$work/mimamori.toml" ::mimamori.toml
}

put_data() {
  truncate -s "${DATA_SIZE}M" "$work/data.ext4"
  mkfs.ext4 -q -F -L data -m 0 -d "$work/data" "$work/data.ext4"
  dd if="$work/data.ext4" of="$work/card" bs=512 seek="$(partition_start 4)" conv=notrunc,sparse status=none
}

# In sectors.
partition_start() {
  sfdisk -d "$work/card" | sed -nE "s/^[^ ]*$1 : start= *([0-9]+),.*/\1/p"
}
