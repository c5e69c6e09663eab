# The emulated board itself, by `source`.
# shellcheck shell=bash disable=SC2154

# 8 ns for each instruction, which is slower than the Zero; counting them keeps the
# guest's timers from being missed, without which it freezes now and then.
MACHINE_CLOCK=shift=3,sleep=on,align=off
# Debian's kernel tests its ciphers at each start, which takes eight seconds here.
# It does not trust the chip's random numbers by itself, as kernels from 6.2 on do.
MACHINE_WORDS="cryptomgr.notests=1 rng_core.default_quality=1000"
# The power driver asks for hardware that QEMU does not have.
MACHINE_WORDS+=" initcall_blacklist=bcm2835_power_driver_init"

# QEMU has no GPU that would load U-Boot from the card. This is what it takes instead.
make_firmware() {
  mkimage -A arm -O linux -T kernel -C none -a 0x8000 -e 0x8000 -n u-boot \
    -d "$work/loader/u-boot.bin" "$work/u-boot" >/dev/null
}

# Starts it, with $@ as words for the initramfs, which lie in $work/words from then on for
# later starts; $work/console is then its serial port, $work/console.log what came from
# there, $work/loader.console what U-Boot said, and machine_pid the process to wait for.
machine_start() {
  echo "$*" >"$work/words"
  machine_on >"$work/machine.log" 2>&1 &
  machine_pid=$!
}

# Until it is switched off. QEMU's USB does not survive a reset of the board (7.2):
# a reset becomes off and on again, with the same memory. When QEMU is killed, the
# power was cut: its memory is gone, and it comes back.
machine_on() {
  local code
  rm -f "$work/memory"
  while :; do
    code=0
    machine_once || code=$?
    cat "$work/console.log" >>"$work/console.before"
    case $code in
      0) ! grep -aq 'reboot: Power down' "$work/console.log" || return 0 ;;
      137)
        rm -f "$work/memory"
        while [[ -e $work/hold ]]; do sleep 0.1; done
        ;;
      *) return "$code" ;;
    esac
  done
}

# What the board writes is this machine's at once, and stays when QEMU is killed; that it be
# on this machine's disk, too, is not waited for ("unsafe"): that would be once for each 512
# bytes. The initramfs is a part of this machine, not of the card, and lies where U-Boot does
# not go.
INITRAMFS_AT=0x0c000000

machine_once() {
  local words size
  size=$(stat -c %s "$work/initramfs")
  words="mimamori.board=emulated initrd=$INITRAMFS_AT,$size $MACHINE_WORDS panic=1 loglevel=5 $(<"$work/words")"
  emulator/machine/run.py qemu-system-arm -M raspi0,memory-backend=memory -icount "$MACHINE_CLOCK" -no-reboot \
    -object "memory-backend-file,id=memory,size=512M,mem-path=$work/memory,share=on" \
    -nodefaults -display none -monitor none -pidfile "$work/machine.pid" \
    -kernel "$work/u-boot" -dtb "$work/root/boot/$BOARD_TREE" -append "$words" \
    -device "loader,file=$work/initramfs,addr=$INITRAMFS_AT,force-raw=on" \
    -drive "if=sd,format=raw,cache=unsafe,file=$work/card" \
    -chardev "socket,id=console,path=$work/console,server=on,wait=off,logfile=$work/console.log" \
    -serial chardev:console -serial "file:$work/loader.console" \
    -netdev "user,id=host,ipv6=off,hostfwd=tcp:$address:$port-:8080,hostfwd=udp:$address:$port-:8080" \
    -netdev "socket,id=wire,fd={wire}" \
    -netdev hubport,id=left,hubid=0,netdev=host -netdev hubport,id=right,hubid=0,netdev=wire \
    -chardev "socket,id=usb,fd={usb}" -device usb-redir,chardev=usb,bus=usb-bus.0,port=1
}

# With all that it has started.
machine_stop() {
  [[ -n ${machine_pid:-} ]] || return 0
  end_group "$machine_pid"
  machine_pid=
}

machine_runs() {
  [[ -n ${machine_pid:-} ]] && kill -0 "$machine_pid" 2>/dev/null
}

# Waits for the first answer; says meanwhile what the guest does.
machine_answers() {
  local limit=$1 told=0 lines
  until curl -s -o /dev/null -m 2 "http://$address:$port/"; do
    machine_runs || { cat "$work/machine.log" >&2; die "the emulator has ended"; }
    ((SECONDS < limit)) || { tail -20 "$work/console.log" >&2; die "the emulated board does not answer"; }
    lines=$(grep -acE ' (emulator|rcS|supervise|network): ' "$work/console.log" 2>/dev/null || true)
    ((lines > told)) && machine_says $((lines - told))
    told=$lines
    sleep 0.5
  done
}

machine_says() {
  grep -aE ' (emulator|rcS|supervise|network): ' "$work/console.log" | tail -"$1" | sed 's/\r//; s/^/  /'
}
