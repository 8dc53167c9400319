# Files that become part of a program. Run as a script (cmake -P) with OUTPUT and FILES, this writes the source file that
# holds them; included, it has swan_embed.
if(CMAKE_SCRIPT_MODE_FILE)
  set(arrays "")
  set(entries "")
  set(number 0)
  foreach(file IN LISTS FILES)
    string(REGEX MATCH "^([^=]+)=(.+)$" matched "${file}")
    set(name "${CMAKE_MATCH_1}")
    file(READ "${CMAKE_MATCH_2}" hex HEX)
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${hex}")
    # A file may be empty, an array may not.
    string(APPEND arrays "constexpr char kFile${number}[] = {${bytes}'\\0'};\n")
    string(APPEND entries "      {\"${name}\", {kFile${number}, sizeof kFile${number} - 1}},\n")
    math(EXPR number "${number} + 1")
  endforeach()
  file(WRITE "${OUTPUT}" "// Written by cmake/SwanEmbed.cmake.
#include \"server/embedded.h\"

namespace swan::server {
namespace {
${arrays}}  // namespace

const std::vector<EmbeddedFile>& embedded_files() {
  static const std::vector<EmbeddedFile> files = {
${entries}  };
  return files;
}

}  // namespace swan::server
")
  return()
endif()

set(SWAN_EMBED_SCRIPT ${CMAKE_CURRENT_LIST_FILE})

# swan_embed(TARGET NAME=PATH...): puts files into the target, each under a name; paths are relative to the current folder.
# server/embedded.h has what reads them.
function(swan_embed target)
  set(output ${CMAKE_CURRENT_BINARY_DIR}/${target}_embedded.cpp)
  set(files)
  set(paths)
  foreach(file IN LISTS ARGN)
    string(REGEX MATCH "^([^=]+)=(.+)$" matched "${file}")
    set(name "${CMAKE_MATCH_1}")
    get_filename_component(path "${CMAKE_MATCH_2}" ABSOLUTE)
    list(APPEND files "${name}=${path}")
    list(APPEND paths "${path}")
  endforeach()
  add_custom_command(OUTPUT ${output}
                     COMMAND ${CMAKE_COMMAND} -DOUTPUT=${output} "-DFILES=${files}" -P ${SWAN_EMBED_SCRIPT}
                     DEPENDS ${paths} ${SWAN_EMBED_SCRIPT} COMMENT "Embedding files into ${target}" VERBATIM)
  target_sources(${target} PRIVATE ${output})
endfunction()
