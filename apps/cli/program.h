#pragma once

namespace swan::cli {

/// The exit codes of `swan`; a cancelled run's is kExitCancelled.
constexpr int kExitDone = 0;
constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;

/// The whole program: parses, runs, prints, and turns every exception into a message and an exit code.
[[nodiscard]] int run(int argc, const char* const* argv) noexcept;

}  // namespace swan::cli
