# What `cpack` makes of the installed files: a Debian package of the program (swan) and one for those who link the
# library (libswan-dev), and an archive that runs wherever it is unpacked, which brings the libraries along that it needs.
#
#   cpack --config build/release/CPackConfig.cmake -G "DEB;TGZ" -B FOLDER

# Libraries that are loaded when they are first needed, which no tool sees: libav's when a video is written or read
# (src/video/libav.h), and those that speak to a hub (src/hub/libraries.h).
set(loaded_files)
set(loaded_packages)
foreach(module libavcodec libavfilter libavformat libavutil libswscale)
  string(REGEX MATCH "^[0-9]+" major "${LIBAV_${module}_VERSION}")
  list(APPEND loaded_files ${LIBAV_${module}_LIBDIR}/${module}.so.${major})
  list(APPEND loaded_packages ${module}${major})
endforeach()
list(APPEND loaded_files ${LIBCURL_LIBDIR}/libcurl.so.4 ${LIBCRYPTO_LIBDIR}/libcrypto.so.3)
list(APPEND loaded_packages libcurl4 libssl3 ca-certificates)
list(JOIN loaded_packages ", " loaded_packages)

# The libraries that the program is linked with or loads, and their licences, for the archive alone. Of glibc there must
# be the system's own.
install(CODE "
  set(program \"$<TARGET_FILE:swan_cli>\")
  set(library \"$<TARGET_FILE:swan>\")
  set(loaded \"${loaded_files}\")
  set(licences \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_DOCDIR}/licences\")
  include(\"${PROJECT_SOURCE_DIR}/cmake/bundle_libraries.cmake\")
" COMPONENT bundled EXCLUDE_FROM_ALL)

set(CPACK_PACKAGE_NAME swan)
set(CPACK_PACKAGE_VENDOR "Swan")
set(CPACK_PACKAGE_CONTACT "Swan maintainers <maintainers@users.noreply.r-seed-49304375.example>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_COMPONENT_RUNTIME_DESCRIPTION
    "Swan makes pictures and videos from text with the models Sana and Wan 2.1, straight from the repositories that
diffusers uses, on processors and on NVIDIA GPUs. A small model of each kind is in this package.")
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_GENERATOR "DEB;TGZ")
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_STRIP_FILES ON)
set(CPACK_THREADS 0)

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME swan)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION graphics)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_DEPENDS "${loaded_packages}")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libswan-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "swan (= ${PROJECT_VERSION})")
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION "Headers and CMake files to use the library of Swan in a program")
# Weights hardly become smaller, whatever time they are given.
set(CPACK_DEBIAN_COMPRESSION_TYPE gzip)

set(CPACK_PACKAGE_FILE_NAME swan-${PROJECT_VERSION}-linux-${CMAKE_SYSTEM_PROCESSOR})
set(CPACK_ARCHIVE_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING ALL_COMPONENTS_IN_ONE)
set(CPACK_PROJECT_CONFIG_FILE ${PROJECT_SOURCE_DIR}/cmake/cpack_options.cmake)
set(CPACK_COMPONENTS_ALL runtime development bundled)
include(CPack)
