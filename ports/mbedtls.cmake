# mbedTLS from a source folder, such as a release of 3.6 LTS, in place of the system's:
# -DSKERRY_MBEDTLS_SOURCE=FOLDER. A release has the generated files that a git checkout lacks.
if(NOT EXISTS ${SKERRY_MBEDTLS_SOURCE}/library/error.c)
  message(FATAL_ERROR "SKERRY_MBEDTLS_SOURCE=${SKERRY_MBEDTLS_SOURCE}: no library/error.c; a release's folder is needed")
endif()
file(GLOB MBEDTLS_FILES ${SKERRY_MBEDTLS_SOURCE}/library/*.c
  ${SKERRY_MBEDTLS_SOURCE}/3rdparty/*/library/*.c)
add_library(mbedtls_source STATIC ${MBEDTLS_FILES})
target_include_directories(mbedtls_source SYSTEM PUBLIC ${SKERRY_MBEDTLS_SOURCE}/include
  PRIVATE ${SKERRY_MBEDTLS_SOURCE}/library ${SKERRY_MBEDTLS_SOURCE}/3rdparty/everest/include
  ${SKERRY_MBEDTLS_SOURCE}/3rdparty/everest/include/everest
  ${SKERRY_MBEDTLS_SOURCE}/3rdparty/p256-m ${SKERRY_MBEDTLS_SOURCE}/3rdparty/p256-m/p256-m/include)
target_compile_options(mbedtls_source PRIVATE -w -Wno-frame-larger-than)
set(MBEDCRYPTO mbedtls_source)
set(MBEDTLS_LIBRARIES mbedtls_source)
