# Flags shared by every target of this project, and never by its consumers.
add_library(swan_flags INTERFACE)
target_compile_options(swan_flags INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wpedantic -Wnon-virtual-dtor -Woverloaded-virtual $<$<BOOL:${SWAN_WERROR}>:-Werror>>
  $<$<COMPILE_LANGUAGE:CUDA>:$<$<BOOL:${SWAN_WERROR}>:-Werror=all-warnings>>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # False where a literal and a std::string are joined: https://gcc.gnu.org/bugzilla/show_bug.cgi?id=105329
  target_compile_options(swan_flags INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wno-restrict>)
endif()
if(SWAN_SANITIZE)
  target_compile_options(swan_flags INTERFACE -fsanitize=${SWAN_SANITIZE} -fno-omit-frame-pointer
                                              -fno-sanitize-recover=all)
  target_link_options(swan_flags INTERFACE -fsanitize=${SWAN_SANITIZE})
  if(SWAN_SANITIZE MATCHES "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Of Asio's fences, which it does not see; and GCC 12 sees short strings end where they do not (src/io/gguf_header.cpp).
    target_compile_options(swan_flags INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wno-tsan -Wno-array-bounds -Wno-stringop-overread>)
  endif()
endif()

# Compiles faster what never takes long to run: argument handling, most of the tests.
add_library(swan_quick_build INTERFACE)
target_compile_options(swan_quick_build INTERFACE $<$<CONFIG:Debug>:-O0> $<$<CONFIG:Release>:-O1>)

# swan_folder(NAME [FOLDER path] SOURCES ... [PUBLIC targets...] [PRIVATE targets...])
#
# One folder of src/ is one static library with an include root of its own: a header of folder `core` is included as
# "core/x.h", and only by targets that link swan_core. The root is a folder of the build tree holding one link, so that
# no other folder's headers are reachable through it and a wrong include does not compile.
function(swan_folder name)
  cmake_parse_arguments(ARG "" "FOLDER" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  if(NOT ARG_FOLDER)
    set(ARG_FOLDER ${name})
  endif()
  set(root ${PROJECT_BINARY_DIR}/include_roots/${name})
  file(MAKE_DIRECTORY ${root})
  file(CREATE_LINK ${PROJECT_SOURCE_DIR}/src/${ARG_FOLDER} ${root}/${name} SYMBOLIC)
  add_library(swan_${name} STATIC ${ARG_SOURCES})
  target_include_directories(swan_${name} PUBLIC ${root})
  target_link_libraries(swan_${name} PUBLIC ${ARG_PUBLIC} PRIVATE swan_flags ${ARG_PRIVATE})
  swan_use_precompiled(swan_${name} library)
endfunction()
