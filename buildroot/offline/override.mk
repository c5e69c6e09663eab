# Read by Buildroot before any package, where the image is built without the
# upstream sites (BR2_PACKAGE_OVERRIDE_FILE in offline.config).

# Sources in Debian's version. Their licence files are not the hashed ones of
# Buildroot's versions, so there is no licence report for them from here.
BUSYBOX_OVERRIDE_SRCDIR = $(MIMAMORI_OFFLINE)/src/busybox
UBOOT_OVERRIDE_SRCDIR = $(MIMAMORI_OFFLINE)/src/u-boot
WPA_SUPPLICANT_OVERRIDE_SRCDIR = $(MIMAMORI_OFFLINE)/src/wpa
HOSTAPD_OVERRIDE_SRCDIR = $(MIMAMORI_OFFLINE)/src/wpa
LIBNL_OVERRIDE_SRCDIR = $(MIMAMORI_OFFLINE)/src/libnl3
UTIL_LINUX_OVERRIDE_SRCDIR = $(MIMAMORI_OFFLINE)/src/util-linux
E2FSPROGS_OVERRIDE_SRCDIR = $(MIMAMORI_OFFLINE)/src/e2fsprogs
RPI_FIRMWARE_OVERRIDE_SRCDIR = $(MIMAMORI_OFFLINE)/rpi-firmware
BRCMFMAC_SDIO_FIRMWARE_RPI_OVERRIDE_SRCDIR = $(MIMAMORI_OFFLINE)/wifi-firmware
WIRELESS_REGDB_OVERRIDE_SRCDIR = $(MIMAMORI_OFFLINE)/regdb
override BUSYBOX_LICENSE_FILES =
override WPA_SUPPLICANT_LICENSE_FILES =
override HOSTAPD_LICENSE_FILES =
override LIBNL_LICENSE_FILES =
override UTIL_LINUX_LICENSE_FILES =
override E2FSPROGS_LICENSE_FILES =
override RPI_FIRMWARE_LICENSE_FILES =
override BRCMFMAC_SDIO_FIRMWARE_RPI_LICENSE_FILES =
override WIRELESS_REGDB_LICENSE_FILES =

# A header of the BSD world that musl leaves out: from this machine's C library.
override MUSL_COMPAT_HEADERS_LICENSE_FILES =
override MUSL_COMPAT_HEADERS_EXTRA_DOWNLOADS =
override define MUSL_COMPAT_HEADERS_EXTRACT_CMDS
	$(INSTALL) -m 0644 -D $(MIMAMORI_OFFLINE)/musl-compat-headers/queue.h $(@D)/queue.h
	$(INSTALL) -m 0644 -D $(MUSL_COMPAT_HEADERS_PKGDIR)/cdefs.h $(@D)/cdefs.h
endef

# Debian's sources have their configure scripts ready.
override UTIL_LINUX_AUTORECONF = NO
override E2FSPROGS_AUTORECONF = NO
override E2FSPROGS_AUTOPOINT = NO
override LIBNL_AUTORECONF = NO
override UTIL_LINUX_AUTOPOINT = NO

# Programs of this machine instead of ones that are built. "override" keeps what
# the package's own makefile, read later, says from having an effect.
# $(1): package in upper case; $(2): folder in HOST_DIR; $(3): programs
define mimamori-distro-tool
HOST_$(1)_OVERRIDE_SRCDIR = $$(BR2_EXTERNAL_MIMAMORI_PATH)/offline/empty
override HOST_$(1)_DEPENDENCIES = host-skeleton
override HOST_$(1)_AUTORECONF = NO
override HOST_$(1)_LICENSE_FILES =
override HOST_$(1)_REDISTRIBUTE = NO
override HOST_$(1)_POST_PATCH_HOOKS =
override HOST_$(1)_POST_INSTALL_HOOKS =
override HOST_$(1)_CONFIGURE_CMDS = @:
override HOST_$(1)_BUILD_CMDS = @:
override HOST_$(1)_INSTALL_CMDS = $(if $(3),\
	mkdir -p $$(HOST_DIR)/$(2) && ln -sfn -t $$(HOST_DIR)/$(2) $(3),@:)
endef

$(eval $(call mimamori-distro-tool,AUTOCONF,bin,))
$(eval $(call mimamori-distro-tool,AUTOCONF_ARCHIVE,bin,))
$(eval $(call mimamori-distro-tool,AUTOMAKE,bin,))
$(eval $(call mimamori-distro-tool,GETTEXT_TINY,bin,))
$(eval $(call mimamori-distro-tool,LZIP,bin,))
$(eval $(call mimamori-distro-tool,LIBTOOL,bin,))
$(eval $(call mimamori-distro-tool,BISON,bin,/usr/bin/bison))
$(eval $(call mimamori-distro-tool,DOSFSTOOLS,sbin,/usr/sbin/mkfs.fat))
$(eval $(call mimamori-distro-tool,E2FSPROGS,sbin,/usr/sbin/mke2fs))
$(eval $(call mimamori-distro-tool,FAKEROOT,bin,/usr/bin/fakeroot))
$(eval $(call mimamori-distro-tool,FLEX,bin,/usr/bin/flex))
$(eval $(call mimamori-distro-tool,GENIMAGE,bin,/usr/bin/genimage))
$(eval $(call mimamori-distro-tool,KMOD,sbin,/usr/sbin/depmod))
$(eval $(call mimamori-distro-tool,LZ4,bin,/usr/bin/lz4 /usr/bin/lz4c))
$(eval $(call mimamori-distro-tool,MTOOLS,bin,/usr/bin/mcopy))
$(eval $(call mimamori-distro-tool,PATCHELF,bin,$(BR2_EXTERNAL_MIMAMORI_PATH)/offline/patchelf))
$(eval $(call mimamori-distro-tool,PKGCONF,bin,$(BR2_EXTERNAL_MIMAMORI_PATH)/offline/pkg-config))
$(eval $(call mimamori-distro-tool,SQUASHFS,bin,/usr/bin/mksquashfs))
$(eval $(call mimamori-distro-tool,TAR,bin,/usr/bin/tar))
$(eval $(call mimamori-distro-tool,UBOOT_TOOLS,bin,/usr/bin/mkimage /usr/bin/mkenvimage))
$(eval $(call mimamori-distro-tool,UTIL_LINUX,sbin,))
