#pragma once

#include "cli/arguments.h"

namespace swan::cli {

/// The exit codes of `swan`; a cancelled run's is kExitCancelled.
constexpr int kExitDone = 0;
constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;

/// `swan serve`, which programs with a server pass to run(): it is a library of its own, for compiling it takes long
/// and the rest needs none of it.
using ServeCommand = void (*)(const ServeArguments&);

/// The whole program: parses, runs, prints, and turns every exception into a message and an exit code.
/// @param serve  null: built without a server
[[nodiscard]] int run(int argc, const char* const* argv, ServeCommand serve = nullptr) noexcept;

}  // namespace swan::cli
