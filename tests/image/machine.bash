# The built card in QEMU's Raspberry Pi Zero, by `source` from the repository's root: for
# tests/image/run and tests/image/update. They set images and work.
# shellcheck shell=bash disable=SC2154

# 4 ns for each instruction: of the order of what the Zero takes.
CLOCK=shift=2,sleep=on,align=off
BOOT_LIMIT=${BOOT_LIMIT:-300}
# Where things lie on the card, in MiB: see buildroot/board/rpi0w/genimage.cfg
ENVIRONMENTS=(4 8)
SLOT_A=76
DATA=172
DATA_MIB=84

check_tools() {
  local pair missing=()
  for pair in qemu-system-arm:qemu-system-arm mkimage:u-boot-tools mkenvimage:u-boot-tools curl:curl python3:python3 \
    ffmpeg:ffmpeg mke2fs:e2fsprogs node:nodejs "${CHROMIUM:-/usr/bin/chromium}:chromium"; do
    command -v "${pair%:*}" >/dev/null || missing+=("${pair##*:}")
  done
  ((${#missing[@]} == 0)) || fail "missing: apt-get install ${missing[*]}"
  [[ -d tests/e2e/node_modules ]] || fail "playwright-core is missing: run scripts/e2e --setup"
  [[ -f $images/sdcard.img ]] || fail "there is no $images/sdcard.img: run scripts/image first"
}

fail() {
  echo "tests/image: $*" >&2
  if [[ -n ${work:-} ]]; then tail -qn 30 "$work/console" "$work/kernel" >&2 || true; fi
  exit 1
}

# QEMU has no GPU that would load U-Boot from the card; it takes it in this form.
make_loader() {
  mkimage -A arm -O linux -T kernel -C none -a 0x8000 -e 0x8000 -n u-boot \
    -d "$images/u-boot.bin" "$work/u-boot" >/dev/null
}

# A fresh card whose environment has the lines $@ besides U-Boot's own ones.
fresh_card() {
  local at
  cp --sparse=always "$images/sdcard.img" "$work/card"
  (($#)) || return 0
  { grep -v '^slot=' "$images/../target/etc/u-boot-initial-env"; printf '%s\n' "$@"; } >"$work/environment"
  mkenvimage -r -s 0x4000 -o "$work/env" "$work/environment"
  for at in "${ENVIRONMENTS[@]}"; do put "$work/env" "$at"; done
}

put() {
  dd if="$1" of="$work/card" bs=1M seek="$2" conv=notrunc status=none
}

# Extra words for the kernel as $1. Memory is empty, unless $2 is "warm": then it is as
# the last start has left it, as after a reset.
power_on() {
  local time=()
  [[ -z ${network_time:-} ]] || time=(--time "$network_time")
  power_off
  [[ ${2:-} = warm ]] || rm -f "$work/memory"
  : >"$work/console"
  : >"$work/kernel"
  emulator/machine/run.py "${time[@]}" qemu-system-arm -M raspi0,memory-backend=memory -icount "$CLOCK" -no-reboot \
    -object "memory-backend-file,id=memory,size=512M,mem-path=$work/memory,share=on" \
    -nodefaults -display none -monitor none -kernel "$work/u-boot" -dtb "$images/bcm2835-rpi-zero.dtb" \
    -append "mimamori.board=emulated loglevel=5 $1" \
    -drive "if=sd,format=raw,file=$work/card" -serial "file:$work/kernel" -serial "file:$work/console" \
    -netdev "user,id=host,ipv6=off,hostfwd=tcp:127.0.0.1:$port-:8080,hostfwd=udp:127.0.0.1:$port-:8080" \
    -netdev "socket,id=wire,fd={wire}" \
    -netdev hubport,id=left,hubid=0,netdev=host -netdev hubport,id=right,hubid=0,netdev=wire \
    -chardev "socket,id=usb,fd={usb}" -device usb-redir,chardev=usb,bus=usb-bus.0,port=1 \
    >"$work/machine" 2>&1 &
  machine=$!
}

power_off() {
  [[ -n ${machine:-} ]] || return 0
  kill "$machine" 2>/dev/null || true
  wait "$machine" 2>/dev/null || true
  machine=
}

clean_up() {
  power_off
  rm -rf "${work:-}"
}

answers() {
  local end=$((SECONDS + BOOT_LIMIT))
  until curl -s -m 3 -o "$work/page" "http://127.0.0.1:$port/"; do
    kill -0 "$machine" 2>/dev/null || fail "QEMU has ended: $(<"$work/machine")"
    ((SECONDS < end)) || fail "no answer after $BOOT_LIMIT s"
    sleep 0.3
  done
  curl -s -m 10 -o "$work/status" "http://127.0.0.1:$port/api/status" || fail "no status"
  grep -qi '<html' "$work/page" || fail "this is no page: $(head -c 200 "$work/page")"
}

# Until the machine stops by itself, as after a panic.
ends() {
  local end=$((SECONDS + BOOT_LIMIT))
  while kill -0 "$machine" 2>/dev/null; do
    ((SECONDS < end)) || fail "still runs after $BOOT_LIMIT s"
    sleep 0.3
  done
  machine=
}

says() {
  grep -aqF -- "$1" "$work/console" || fail "does not say '$1'"
}

time_line() {
  echo "  $1"
  grep -aE ' (rcS|supervise|network|usb-gadget|name-server): |mimamori::| watch at |Run /sbin/init' "$work/kernel" | tr -d '\r' | sed 's/^/    /' | cut -c1-120
}

make_data() {
  mkdir -p "$work/data"
  ffmpeg -nostdin -v error -f lavfi -i testsrc2=size=640x480:rate=30:duration=10 -pix_fmt yuv420p \
    -c:v libx264 -profile:v baseline -level:v 3.1 -preset ultrafast -b:v 800k -maxrate 800k -bufsize 800k \
    -x264-params keyint=60:min-keyint=60:scenecut=0:slices=1:sliced-threads=0:aud=0 -f h264 -y "$work/data/film.h264"
  sed -e 's|^camera = .*|camera = "/data/film.h264"|' overlay/etc/mimamori.toml >"$work/data/mimamori.toml"
  echo "announce = [\"127.0.0.1:$port\"]" >>"$work/data/mimamori.toml"
  rm -f "$work/data.ext4"
  mke2fs -q -t ext4 -d "$work/data" "$work/data.ext4" "${DATA_MIB}M" >/dev/null
  put "$work/data.ext4" "$DATA"
}

waits_for() {
  local end=$((SECONDS + BOOT_LIMIT))
  until grep -aqF -- "$1" "$work/kernel"; do
    kill -0 "$machine" 2>/dev/null || fail "QEMU has ended: $(<"$work/machine")"
    ((SECONDS < end)) || fail "never says '$1'"
    sleep 0.3
  done
}

# Puts a file of the text $1 into /data, as $2, by making it anew.
put_file() {
  echo "$1" >"$work/data/$2"
  mke2fs -q -F -t ext4 -d "$work/data" "$work/data.ext4" "${DATA_MIB}M" >/dev/null
  put "$work/data.ext4" "$DATA"
}

file_in_data() {
  dd if="$work/card" of="$work/data.ext4" bs=1M skip="$DATA" count="$DATA_MIB" conv=sparse status=none
  e2fsck -p "$work/data.ext4" >/dev/null || [[ $? = 1 ]] || fail "/data can't be repaired by itself"
  debugfs -R "cat /$1" "$work/data.ext4" 2>/dev/null
}
