#include "cli/cancel.h"

#include <signal.h>  // NOLINT(modernize-deprecated-headers): sigaction is POSIX, not in <csignal>
#include <unistd.h>

#include <string_view>

namespace swan::cli {

namespace {

static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler may touch lock-free atomics only");
std::atomic<bool> cancelled{false};
std::atomic<bool> silent{false};

extern "C" void on_signal(int /*signal*/) {
  if (cancelled.exchange(true)) _exit(kExitCancelled);
  if (silent.load()) return;
  constexpr std::string_view kMessage = "\nswan: stopping; press Ctrl-C again to stop at once\n";
  // Nothing can be done in a handler about a failed write.
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, kMessage.data(), kMessage.size());
}

}  // namespace

const std::atomic<bool>& cancel_on_signal(bool quiet) {
  cancelled = false;
  silent = quiet;
  for (const int number : {SIGINT, SIGTERM}) {
    struct sigaction previous = {};
    if (sigaction(number, nullptr, &previous) == 0 && previous.sa_handler == SIG_IGN) continue;
    struct sigaction action = {};
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;  // no read or write of the library is to fail for it
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, nullptr);
  }
  return cancelled;
}

}  // namespace swan::cli
