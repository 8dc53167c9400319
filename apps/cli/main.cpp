#include "cli/program.h"
#ifdef SWAN_SERVER
#include "cli/serve_command.h"
#endif

int main(int argc, char** argv) {
#ifdef SWAN_SERVER
  return swan::cli::run(argc, argv, swan::cli::run_serve);
#else
  return swan::cli::run(argc, argv);
#endif
}
