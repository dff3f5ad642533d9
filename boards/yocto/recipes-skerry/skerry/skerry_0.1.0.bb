SUMMARY = "Edge agent for small boards"
LICENSE = "CLOSED"
DEPENDS = "mosquitto sqlite3 mbedtls cjson zlib libarchive libyaml"

# The sources are this repository; SKERRY_SOURCE says where it is, a path or a URL.
inherit externalsrc cmake pkgconfig systemd useradd
EXTERNALSRC = "${SKERRY_SOURCE}"
EXTRA_OECMAKE = "-DBUILD_TESTING=OFF -DCMAKE_BUILD_TYPE=MinSizeRel"

SYSTEMD_SERVICE:${PN} = "skerryd.service"
USERADD_PACKAGES = "${PN}"
GROUPADD_PARAM:${PN} = "--system skerry"

do_install:append() {
    rm -rf ${D}${datadir}/lintian
    if ${@bb.utils.contains('DISTRO_FEATURES', 'systemd', 'false', 'true', d)}; then
        rm -rf ${D}${nonarch_libdir}/systemd ${D}${nonarch_libdir}/sysusers.d
    fi
}

CONFFILES:${PN} = "${sysconfdir}/skerry/skerryd.conf"
FILES:${PN} += "${nonarch_libdir}/systemd ${nonarch_libdir}/sysusers.d ${datadir}/skerry"
