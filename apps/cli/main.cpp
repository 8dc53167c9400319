#include "cli/program.h"

int main(int argc, char** argv) { return swan::cli::run(argc, argv); }
