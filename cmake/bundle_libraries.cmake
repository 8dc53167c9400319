# Copies the shared libraries `loaded`, and those that `program`, `library` and they need, into lib/swan of the prefix, where the program looks for
# them, and the licence of the package that each came from into `licences`.
file(GET_RUNTIME_DEPENDENCIES
     EXECUTABLES ${program} LIBRARIES ${library} ${loaded}
     RESOLVED_DEPENDENCIES_VAR found UNRESOLVED_DEPENDENCIES_VAR missing
     POST_EXCLUDE_REGEXES ".*/libswan\\.so.*" ".*/ld-linux.*" ".*/lib(c|m|dl|rt|pthread|resolv|mvec|util|anl|nsl|BrokenLocale)\\.so\\..*")
if(missing)
  message(FATAL_ERROR "these libraries were not found: ${missing}")
endif()
list(APPEND found ${loaded})
list(REMOVE_DUPLICATES found)
foreach(file IN LISTS found)
  file(INSTALL ${file} DESTINATION ${CMAKE_INSTALL_PREFIX}/lib/swan TYPE SHARED_LIBRARY FOLLOW_SYMLINK_CHAIN)
endforeach()

find_program(dpkg_query dpkg-query)
if(NOT dpkg_query)
  message(WARNING "the licences of the libraries could not be collected: this is no Debian system")
  return()
endif()
# The packages' lists have the names of files, which may be reached through links (/lib).
set(names)
foreach(file IN LISTS found)
  file(REAL_PATH ${file} real)
  list(APPEND names ${file} ${real})
endforeach()
set(short ${names})
list(TRANSFORM short REPLACE "^/usr/lib/" "/lib/")
# It fails where a name belongs to no package, and answers for the others.
execute_process(COMMAND ${dpkg_query} -S ${names} ${short} OUTPUT_VARIABLE owners ERROR_QUIET RESULT_VARIABLE ignored)
string(REGEX MATCHALL "[^\n]+" owners "${owners}")
set(packages)
foreach(line IN LISTS owners)
  string(REGEX REPLACE ":.*" "" package "${line}")
  list(APPEND packages ${package})
endforeach()
list(REMOVE_DUPLICATES packages)
foreach(package IN LISTS packages)
  if(EXISTS /usr/share/doc/${package}/copyright)
    file(REAL_PATH /usr/share/doc/${package}/copyright copyright)
    configure_file(${copyright} ${licences}/${package} COPYONLY)
  endif()
endforeach()
