# Radios for the emulated board, by `source` behind programs.bash: QEMU has none, but
# the kernel can simulate some that hear each other. The tests load them, and play the
# router and the phone with programs that are no part of the product.
# shellcheck shell=bash disable=SC2154

PROGRAM_PACKAGES+=(wpasupplicant dnsmasq-base hostapd iw wireless-regdb)
PROGRAMS+=(usr/sbin/dnsmasq usr/sbin/hostapd)
# Debian has them in sbin, Buildroot in usr/sbin.
WIFI_PROGRAMS=(wpa_supplicant wpa_cli iw)
WIFI_MODULES=mac80211_hwsim,ccm,cmac,gcm,ctr,aes_arm

# Into the root file system $1.
install_wifi() {
  local root=$1 name
  for name in "${WIFI_PROGRAMS[@]}"; do
    install -D -m 755 "$work/debian/sbin/$name" "$root/usr/sbin/$name"
    install_libraries "$root" "$work/debian/sbin/$name"
  done
  # The rules of the countries. The kernel knows the key of Debian's own.
  install -D -m 644 "$work/debian/lib/firmware/regulatory.db-debian" "$root/lib/firmware/regulatory.db"
  install -m 644 "$work/debian/lib/firmware/regulatory.db.p7s-debian" "$root/lib/firmware/regulatory.db.p7s"
  unpack_wifi_modules
  emulator/modules.py --kernel "$work/wifi" --modules $WIFI_MODULES "$root/lib/modules/radios"
}

# What unpack_packages leaves out.
unpack_wifi_modules() {
  local package
  package=$(grep "/linux-image-$(<"$work/kernel-version")_" "$work/packages")
  mkdir -p "$work/wifi"
  dpkg-deb --fsys-tarfile "$package" | tar -x -C "$work/wifi" --wildcards --no-same-owner \
    '*/kernel/crypto/*' '*/kernel/lib/crypto/*' '*/kernel/arch/arm/crypto/*' \
    '*/kernel/net/mac80211/*' '*/kernel/net/wireless/*' '*/kernel/net/rfkill/*' '*/mac80211_hwsim.ko' '*/kernel/drivers/virtio/*'
}
