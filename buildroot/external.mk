include $(sort $(wildcard $(BR2_EXTERNAL_MIMAMORI_PATH)/package/*/*.mk))

# A kernel from a commit has no version that a list of vulnerabilities knows: read
# it from the source, once that is there.
LINUX_CPE_ID_VERSION = $(shell sed -n \
	's/^\(VERSION\|PATCHLEVEL\|SUBLEVEL\) = //p' $(LINUX_DIR)/Makefile 2>/dev/null | paste -sd.)

# SWUpdate unpacks what it can unpack, if a bundle asks for it: so it can't. (zlib is
# there for others.)
SWUPDATE_MAKE_ENV += HAVE_ZLIB=n
