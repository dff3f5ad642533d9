################################################################################
#
# skerry
#
################################################################################

SKERRY_VERSION = 0.1.0
SKERRY_SITE = $(BR2_EXTERNAL_SKERRY_PATH)/../..
SKERRY_SITE_METHOD = local
SKERRY_OVERRIDE_SRCDIR_RSYNC_EXCLUSIONS = --exclude build
SKERRY_DEPENDENCIES = cjson host-pkgconf libarchive libyaml mbedtls mosquitto sqlite zlib
SKERRY_CONF_OPTS = -DBUILD_TESTING=OFF -DCMAKE_BUILD_TYPE=MinSizeRel
SKERRY_USERS = - - skerry -1 - - - - May ask the agent for the status

define SKERRY_INSTALL_INIT_SYSTEMD
	$(INSTALL) -D -m 0644 $(@D)/boards/generic/skerryd.service \
		$(TARGET_DIR)/usr/lib/systemd/system/skerryd.service
endef

define SKERRY_INSTALL_INIT_OPENRC
	$(INSTALL) -D -m 0755 $(@D)/boards/generic/skerryd.openrc \
		$(TARGET_DIR)/etc/init.d/skerryd
endef

$(eval $(cmake-package))
