# U-Boot's part in the choice between slot A and slot B. mkimage makes boot.scr of it.
#
# Kept in the environment:
#   slot    the slot that has proved itself: A or B
#   try     the slot to be tried, if there is one
#   tries   how often it has been tried
#   failed  the slot that was given up last, for the page to say so
# A trial that does not end with "slot" set and "try" gone has failed: after two
# starts the old slot comes back, by itself. Who ends it is the system's business.

# From the firmware, or from who plays its part: see cmdline.txt.
setenv given; setenv words; setenv board
if fdt addr ${fdt_addr}; then fdt get value given /chosen bootargs; fi
setexpr words sub ".*(mimamori.board=.*)" "\\1" "${given}"

# On the real board the watchdog runs from here on: 15 seconds for each step until
# the kernel takes over. Emulators have no such timer and would reset at once.
if setexpr board sub "mimamori.board=zero" "zero" "${words}"; then
  mw.l 20100024 5a0f0000
  mw.l 2010001c 5a000122
fi

setenv use A
if test "${slot}" = B; then setenv use B; fi
setenv last ${use}

if test -n "${try}"; then
  if test -z "${tries}"; then setenv tries 0; fi
  if test ${tries} -lt 2; then
    setexpr tries ${tries} + 1
    setenv use ${try}
  else
    setenv failed ${try}
    setenv try
    setenv tries
  fi
  # These belong to this board and this start; the firmware gives them anew.
  setenv kept ${fdt_addr}
  setenv fdt_addr
  setenv fdtfile
  setenv serial#
  setenv given
  saveenv
  setenv fdt_addr ${kept}
fi

# The Zero's type, as the firmware knows it: 9 is without Wi-Fi. With Wi-Fi the better
# one of the two UARTs belongs to Bluetooth, and the console is on the other.
setenv tree bcm2835-rpi-zero-w.dtb
setenv uart ttyS1
if test "${board_rev}" = 0x9; then
  setenv tree bcm2835-rpi-zero.dtb
  setenv uart ttyAMA0
fi

# The chip makes good random numbers; kernels before 6.2 wait for others all the same.
setenv random rng_core.default_quality=1000

# The card is mmcblk0, whatever else is found first. And 256 KiB of memory that a
# restart does not wipe hold the kernel's last words.
setenv oops /reserved-memory/ramoops@10000000
setenv describe '
  fdt set /aliases mmc0 /soc/mmc@7e202000;
  fdt set /aliases mmc1 /soc/mmc@7e300000;
  fdt mknode /reserved-memory ramoops@10000000;
  fdt set ${oops} compatible ramoops;
  fdt set ${oops} reg <0x10000000 0x40000>;
  fdt set ${oops} record-size <0x10000>;
  fdt set ${oops} console-size <0x20000>'

# In quotes, for U-Boot counts words, and drops a line that has too many of them.
# Starts slot ${use}; comes back only if there is nothing that can be started.
setenv start '
  setenv part 2; if test ${use} = B; then setenv part 3; fi;
  echo mimamori: slot ${use}, try ${try}, tries ${tries}, failed ${failed};
  if load mmc 0:${part} ${kernel_addr_r} boot/zImage && load mmc 0:${part} ${fdt_addr_r} boot/${tree}; then
    fdt addr ${fdt_addr_r};
    fdt resize 2000;
    run describe;
    setenv bootargs "console=${uart},115200 quiet ${random} root=PARTUUID=6d696d61-0${part} rootfstype=squashfs ro rootwait mimamori.slot=${use} mimamori.try=${try} mimamori.tries=${tries} mimamori.failed=${failed} ${words}";
    bootz ${kernel_addr_r} - ${fdt_addr_r};
  fi'
run start

# A slot that can't be loaded: the other one.
echo mimamori: slot ${use} is broken
if test ${use} = A; then setenv use B; else setenv use A; fi
setenv failed ${last}
run start
