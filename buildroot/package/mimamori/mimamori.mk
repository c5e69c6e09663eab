################################################################################
#
# mimamori
#
################################################################################

MIMAMORI_REPOSITORY = $(realpath $(BR2_EXTERNAL_MIMAMORI_PATH)/..)
MIMAMORI_VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' $(MIMAMORI_REPOSITORY)/Cargo.toml | head -1)
# Nothing to download: the program is built by scripts/build
MIMAMORI_SOURCE =
MIMAMORI_LICENSE = MIT or Apache-2.0
MIMAMORI_LICENSE_FILES = LICENSE-MIT LICENSE-APACHE
MIMAMORI_REDISTRIBUTE = NO

define MIMAMORI_EXTRACT_CMDS
	cp $(addprefix $(MIMAMORI_REPOSITORY)/,$(MIMAMORI_LICENSE_FILES)) $(@D)/
endef

define MIMAMORI_INSTALL_TARGET_CMDS
	$(INSTALL) -D -m 0755 $(MIMAMORI_PROGRAM) $(TARGET_DIR)/usr/bin/mimamori
endef

ifeq ($(BR2_PACKAGE_MIMAMORI)$(BR_BUILDING),yy)
ifeq ($(wildcard $(MIMAMORI_PROGRAM)),)
$(error MIMAMORI_PROGRAM has to name the program for ARMv6: scripts/image does that)
endif
endif

$(eval $(generic-package))
