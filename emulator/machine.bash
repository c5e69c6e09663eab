# The emulated board itself, by `source`.
# shellcheck shell=bash disable=SC2154

# 8 ns for each instruction, which is slower than the Zero; counting them keeps the
# guest's timers from being missed, without which it freezes now and then.
MACHINE_CLOCK=shift=3,sleep=on,align=off
# Debian's kernel tests its ciphers at each start, which takes eight seconds here.
# It does not trust the chip's random numbers by itself, as kernels from 6.2 on do.
MACHINE_WORDS="cryptomgr.notests=1 rng_core.default_quality=1000"
# The power driver asks for hardware that QEMU does not have.
MACHINE_WORDS+=" initcall_blacklist=bcm2835_power_driver_init console=ttyS1,115200"

# Starts it; $work/console is then its serial port, $work/console.log what came
# from there, and machine_pid the process to wait for.
machine_start() {
  machine_on "$@" >"$work/machine.log" 2>&1 &
  machine_pid=$!
}

# Until it is switched off. QEMU's USB does not survive a reset of the board (7.2):
# a reboot becomes off and on again.
machine_on() {
  while :; do
    machine_once "$@" || return
    grep -aq 'reboot: Restarting system' "$work/console.log" || return 0
  done
}

machine_once() {
  local kernel words
  kernel=$(<"$work/kernel-version")
  words="$MACHINE_WORDS rdinit=/init root=/dev/mmcblk0p2 panic=5 loglevel=5 $*"
  emulator/machine/run.py qemu-system-arm -M raspi0 -icount "$MACHINE_CLOCK" -no-reboot \
    -nodefaults -display none -monitor none \
    -kernel "$work/debian/boot/vmlinuz-$kernel" \
    -dtb "$work/debian/usr/lib/linux-image-$kernel/bcm2835-rpi-zero-w.dtb" \
    -initrd "$work/initramfs" -append "$words" \
    -drive "if=sd,format=raw,file=$work/card" \
    -chardev "socket,id=console,path=$work/console,server=on,wait=off,logfile=$work/console.log" \
    -serial null -serial chardev:console \
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
