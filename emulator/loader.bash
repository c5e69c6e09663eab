# U-Boot as the real board has it, by `source`: Debian's source with the product's
# own settings. The finished one is kept with the downloads, by what it was made of.
# shellcheck shell=bash disable=SC2154

LOADER_SETTINGS=buildroot/board/rpi0w/uboot.fragment
LOADER_BOARD=rpi_0_w

# Leaves u-boot.bin and u-boot-initial-env in $work/loader.
build_loader() {
  local version kept
  debian_set_up
  version=$(debian_source_version u-boot)
  [[ -n $version ]] || die "Debian's index has no source of U-Boot"
  kept=$debian_folder/../u-boot/$(loader_name "$version")
  if [[ ! -e $kept/u-boot.bin ]]; then
    echo "  U-Boot $version is built"
    make_loader "$version"
    mkdir -p "$kept.$$"
    cp "$work"/loader-build/{u-boot.bin,u-boot-initial-env} "$kept.$$/"
    rm -rf "$kept" "$work/loader-source" "$work/loader-build"
    mv -T "$kept.$$" "$kept"
  fi
  cp -r "$kept" "$work/loader"
}

loader_name() {
  local sum
  sum=$(cat "$LOADER_SETTINGS" emulator/loader.bash | sha256sum)
  echo "$1-${sum:0:16}"
}

make_loader() {
  debian_source u-boot "$1" "$work/loader-source"
  loader_make "${LOADER_BOARD}_defconfig"
  "$work/loader-source/scripts/kconfig/merge_config.sh" -m -O "$work/loader-build" \
    "$work/loader-build/.config" "$LOADER_SETTINGS" >>"$work/loader.log" 2>&1
  loader_make olddefconfig
  grep -q '^CONFIG_SYS_REDUNDAND_ENVIRONMENT=y' "$work/loader-build/.config" || die "U-Boot's settings got lost"
  loader_make -j"$(nproc)" u-boot.bin u-boot-initial-env
}

loader_make() {
  make -C "$work/loader-source" O="$work/loader-build" ARCH=arm CROSS_COMPILE=$CROSS CC=$CROSS_CC "$@" \
    >>"$work/loader.log" 2>&1 || { tail -20 "$work/loader.log" >&2; die "U-Boot does not build"; }
}
