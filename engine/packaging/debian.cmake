# Three Debian packages by `cpack`: the library, what programs are built with, and the command. Configure with the
# `package` preset (prefix /usr, from which GNUInstallDirs tells the multiarch directory); `./dev package` does it.
#
# The command links the archive, not the shared library: it is to be copied to a relay or a gateway by itself, and
# an upgrade of the library for other programs' sake must not change what seals there.
get_target_property(soversion megaseal_shared SOVERSION)
set(revision 1)
set(version ${PROJECT_VERSION}-${revision})
set(packages_runtime libmegaseal${soversion})
set(packages_dev libmegaseal-dev)
set(packages_tools megaseal)

# What of the packages' words depends on whether CUDA's compiler was there: check_inside.sh takes them at their word.
set(has_cuda_text "")
set(has_cuda_license "")
if(MEGASEAL_HAS_CUDA)
  set(has_cuda_text "
It has the CUDA backend, which needs nothing but a driver for CUDA
${CUDAToolkit_VERSION_MAJOR} or later, and only where a GPU is to be used.
")
  set(has_cuda_license "
Comment: The shared library and the command hold the CUDA runtime, which is
 NVIDIA's, under the End User License Agreement of the CUDA Toolkit.")
endif()

# A maintainer without an address is malformed; .invalid is the address of nobody, by RFC 2606.
set(MEGASEAL_DEBIAN_MAINTAINER "megaseal maintainers <maintainers@megaseal.invalid>"
  CACHE STRING "Who answers for the packages: NAME <ADDRESS>")
# Follows SOURCE_DATE_EPOCH, so that two builds of one commit are alike. The names of days and months are English.
string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC)

# Compressed without name and date of the original (-n), for the same reason.
find_program(GZIP_EXECUTABLE gzip REQUIRED)
set(compressed)
function(megaseal_gzip input output)
  add_custom_command(OUTPUT ${output} DEPENDS ${input} VERBATIM
    COMMAND ${GZIP_EXECUTABLE} -9nc ${input} > ${output})
  set(compressed ${compressed} ${output} PARENT_SCOPE)
endfunction()

megaseal_gzip(${PROJECT_SOURCE_DIR}/CHANGELOG.md ${CMAKE_CURRENT_BINARY_DIR}/changelog.gz)
configure_file(debian/copyright.in debian/copyright @ONLY)
foreach(component runtime dev tools)
  set(package ${packages_${component}})
  configure_file(debian/changelog.in debian/${package}/changelog @ONLY)
  megaseal_gzip(${CMAKE_CURRENT_BINARY_DIR}/debian/${package}/changelog
    ${CMAKE_CURRENT_BINARY_DIR}/debian/${package}/changelog.Debian.gz)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/debian/copyright
    ${CMAKE_CURRENT_BINARY_DIR}/debian/${package}/changelog.Debian.gz
    ${CMAKE_CURRENT_BINARY_DIR}/changelog.gz
    DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/doc/${package} COMPONENT ${component})
endforeach()
install(FILES ${PROJECT_SOURCE_DIR}/README.md ${PROJECT_SOURCE_DIR}/SECURITY.md
  DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/doc/${packages_dev} COMPONENT dev)
if(MEGASEAL_BUILD_CLI)
  megaseal_gzip(${man_page} ${CMAKE_CURRENT_BINARY_DIR}/megaseal.1.gz)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/megaseal.1.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT tools)
endif()
add_custom_target(megaseal_debian_files ALL DEPENDS ${compressed})

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME megaseal)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT ${MEGASEAL_DEBIAN_MAINTAINER})
set(CPACK_PACKAGING_INSTALL_PREFIX ${CMAKE_INSTALL_PREFIX})
set(CPACK_COMPONENTS_ALL runtime dev)
if(MEGASEAL_BUILD_CLI)
  list(APPEND CPACK_COMPONENTS_ALL tools)
endif()
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE ${revision})
set(CPACK_DEBIAN_PACKAGE_SOURCE megaseal)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)

# What CPack would put before each description.
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "")
set(synopsis "batched end-to-end encryption of messages")
set(what "megaseal seals and opens messages end to end, in batches of thousands: one
X25519 key agreement and one ChaCha20-Poly1305 per message, composed as HPKE
(RFC 9180) or as libsodium sealed boxes. It is meant for message queues, relays
and gateways that seal millions of messages while keeping no key that opens
them.
")

set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME ${packages_runtime})
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SHLIBDEPS ON)
# Tells other packages' dpkg-shlibdeps what to depend on. Within one SONAME the ABI only grows.
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY ">=")
# CPack calls ldconfig from scripts, and cannot be told not to; the trigger that Debian asks for stands beside.
set(CPACK_DEBIAN_RUNTIME_PACKAGE_CONTROL_EXTRA ${CMAKE_CURRENT_SOURCE_DIR}/debian/triggers)
set(CPACK_DEBIAN_RUNTIME_DESCRIPTION "${synopsis} - shared library
${what}
This package holds the shared library.
${has_cuda_text}")

set(CPACK_DEBIAN_DEV_PACKAGE_NAME ${packages_dev})
set(CPACK_DEBIAN_DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEV_PACKAGE_DEPENDS "${packages_runtime} (= ${version}), libsodium-dev")
set(CPACK_DEBIAN_DEV_DESCRIPTION "${synopsis} - development files
${what}
This package holds the headers for C and C++, the static library, and the files
by which CMake and pkg-config find them. The static library is without the CUDA
backend, so that programs which link it need nothing of CUDA.
")

set(CPACK_DEBIAN_TOOLS_PACKAGE_NAME ${packages_tools})
set(CPACK_DEBIAN_TOOLS_PACKAGE_SECTION utils)
set(CPACK_DEBIAN_TOOLS_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_TOOLS_DESCRIPTION "${synopsis} - command
${what}
This package holds the command: keygen, pub, seal and open over
newline-delimited JSON and other framings.
${has_cuda_text}")

include(CPack)
