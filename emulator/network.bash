# The other end of the USB cable, by `source` behind programs.bash: for the tests the emulated board is its
# own computer, by a USB controller that exists in the kernel only (dummy_hcd).
# shellcheck shell=bash disable=SC2154,SC2034

# What the Zero's own kernel has for the cable, loaded as the board starts.
NETWORK_MODULES=libcomposite,usb_f_rndis,usb_f_ncm,usb_f_ecm
# Of the computer; they lie in /data, for no real board has them.
COMPUTER_MODULES=(cdc_ncm rndis_host dummy_hcd)
# socat is the computer's.
PROGRAM_PACKAGES+=(avahi-daemon dnsmasq-base socat)
PROGRAMS+=(usr/sbin/avahi-daemon usr/bin/socat)

# Puts the computer's modules into the folder $1.
put_computer_modules() {
  local name file kernel
  kernel=$(<"$work/kernel-version")
  mkdir -p "$1"
  for name in "${COMPUTER_MODULES[@]}"; do
    file=$(find "$work/debian/lib/modules/$kernel" -name "$name.ko" -print -quit)
    [[ -n $file ]] || die "Debian's kernel has no module $name"
    cp "$file" "$1/"
  done
}

# Debian's avahi waits for D-Bus, unless it is told not to; that of Buildroot knows
# nothing of it, and refuses the word. $1: the root file system.
fit_avahi() {
  sed -i 's/^\[server\]$/&\nenable-dbus=no/' "$1/etc/avahi/avahi-daemon.conf"
}
