# What `cmake --install` places, and the package that find_package(swan) finds. The layout is relocatable: the library
# finds the embedded model, and the program the library, relative to themselves.
include(CMakePackageConfigHelpers)

set(swan_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/swan)

# Components: runtime, and development for those who link the library. (bundled: see SwanPackages.cmake)
install(TARGETS swan EXPORT swan_targets
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime NAMELINK_COMPONENT development
        INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME development)
install(DIRECTORY include/swan DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
# The library's own dependencies are linked privately: a consumer needs its headers, this file and nothing else.
install(EXPORT swan_targets NAMESPACE swan:: FILE swanTargets.cmake DESTINATION ${swan_package_dir})
configure_package_config_file(cmake/swanConfig.cmake.in ${PROJECT_BINARY_DIR}/swanConfig.cmake
                              INSTALL_DESTINATION ${swan_package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/swanConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/swanConfig.cmake ${PROJECT_BINARY_DIR}/swanConfigVersion.cmake
        DESTINATION ${swan_package_dir})
# Debian wants one in each package.
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/libswan-dev RENAME copyright)

set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME runtime)
install(DIRECTORY configs DESTINATION ${CMAKE_INSTALL_DATADIR}/swan)
install(DIRECTORY models/swan-emoji-256 models/swan-emoji-video DESTINATION ${CMAKE_INSTALL_DATADIR}/swan/models)
install(FILES LICENSE THIRD_PARTY_NOTICES.md README.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright)

if(TARGET swan_cli)
  install(TARGETS swan_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})

  # The program writes its own completion scripts; a program of another machine cannot be run here.
  if(NOT CMAKE_CROSSCOMPILING)
    set(completion_files)
    foreach(shell bash zsh fish)
      set(file ${PROJECT_BINARY_DIR}/completions/swan.${shell})
      add_custom_command(OUTPUT ${file}
                         COMMAND ${CMAKE_COMMAND} -E make_directory ${PROJECT_BINARY_DIR}/completions
                         COMMAND swan_cli completion ${shell} > ${file}
                         DEPENDS swan_cli COMMENT "Writing the ${shell} completion" VERBATIM)
      list(APPEND completion_files ${file})
    endforeach()
    add_custom_target(swan_completions ALL DEPENDS ${completion_files})
    install(FILES ${PROJECT_BINARY_DIR}/completions/swan.bash
            DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME swan)
    install(FILES ${PROJECT_BINARY_DIR}/completions/swan.zsh
            DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions RENAME _swan)
    install(FILES ${PROJECT_BINARY_DIR}/completions/swan.fish
            DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
    include(SwanManPages)
  endif()
endif()
if(PROJECT_IS_TOP_LEVEL AND TARGET swan_cli)
  include(SwanPackages)
endif()
