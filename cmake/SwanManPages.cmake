# Manual pages: swan(1), and one for each command, made of what `swan --help` and `swan COMMAND --help` print.
find_program(HELP2MAN help2man)
if(NOT HELP2MAN)
  message(STATUS "no manual pages: help2man was not found")
  return()
endif()
set(man_folder ${PROJECT_BINARY_DIR}/man)
# The commands are known to the program alone, so that the pages are made by a script.
add_custom_command(OUTPUT ${man_folder}/swan.1.gz
                   COMMAND bash ${PROJECT_SOURCE_DIR}/cmake/man_pages.sh $<TARGET_FILE:swan_cli> ${HELP2MAN} ${man_folder}
                   DEPENDS swan_cli ${PROJECT_SOURCE_DIR}/cmake/man_pages.sh COMMENT "Writing the manual pages" VERBATIM)
add_custom_target(swan_man_pages ALL DEPENDS ${man_folder}/swan.1.gz)
install(DIRECTORY ${man_folder}/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 FILES_MATCHING PATTERN "*.1.gz")
