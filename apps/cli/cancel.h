#pragma once

#include <atomic>

namespace swan::cli {

/// Makes Ctrl-C (SIGINT) and SIGTERM set the returned flag, so that the run stops at its next step and leaves nothing
/// half done. A second one ends the program at once. A signal that was being ignored (nohup, a script's `&`) stays so.
/// To be called before the engine makes threads: they must inherit that these signals are blocked.
/// @param quiet  true to say nothing when the first one comes
const std::atomic<bool>& cancel_on_signal(bool quiet);

/// The exit code of a run that was stopped: 128 + SIGINT, as shells report it.
constexpr int kExitCancelled = 130;

}  // namespace swan::cli
