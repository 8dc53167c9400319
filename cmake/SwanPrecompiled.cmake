# Headers that most files include are parsed once for each kind of target, not once for each file. Sources include what
# they use all the same: with SWAN_PCH off everything compiles as well.
option(SWAN_PCH "Precompile the headers that most files include" ${PROJECT_IS_TOP_LEVEL})

# swan_precompiled(KIND [PROGRAM] HEADERS ... LINKS ...): the headers of one kind, for targets with the flags of LINKS.
# PROGRAM is for executables, whose flags for position-independent code are not those of libraries.
function(swan_precompiled kind)
  cmake_parse_arguments(ARG "PROGRAM" "" "HEADERS;LINKS" ${ARGN})
  if(NOT SWAN_PCH)
    return()
  endif()
  set(source ${PROJECT_BINARY_DIR}/precompiled/${kind}.cpp)
  file(CONFIGURE OUTPUT ${source} CONTENT "// Only there to have the headers compiled.\n")
  add_library(swan_precompiled_${kind} OBJECT ${source})
  target_link_libraries(swan_precompiled_${kind} PRIVATE swan_flags ${ARG_LINKS})
  target_precompile_headers(swan_precompiled_${kind} PRIVATE ${ARG_HEADERS})
  if(ARG_PROGRAM)
    set_target_properties(swan_precompiled_${kind} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
    target_compile_options(swan_precompiled_${kind} PRIVATE -fPIE)
  endif()
endfunction()

# swan_use_precompiled(TARGET KIND): nothing where that kind is not precompiled.
function(swan_use_precompiled target kind)
  if(TARGET swan_precompiled_${kind})
    target_precompile_headers(${target} REUSE_FROM swan_precompiled_${kind})
  endif()
endfunction()
