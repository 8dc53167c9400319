#include "cli/cancel.h"

#include <signal.h>  // NOLINT(modernize-deprecated-headers): sigset_t and sigwait are POSIX, not in <csignal>
#include <unistd.h>

#include <string_view>
#include <thread>

namespace swan::cli {

namespace {

std::atomic<bool> cancelled{false};
std::atomic<bool> silent{false};

// SIGINT and SIGTERM, without those that were ignored when the program started.
sigset_t stopping_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGINT, SIGTERM}) {
    struct sigaction action = {};
    if (sigaction(number, nullptr, &action) == 0 && action.sa_handler != SIG_IGN) sigaddset(&set, number);
  }
  return set;
}

void wait_for_signals(sigset_t set) {
  constexpr std::string_view kMessage = "\nswan: stopping; press Ctrl-C again to stop at once\n";
  int number = 0;
  while (sigwait(&set, &number) == 0) {
    if (cancelled.exchange(true)) _exit(kExitCancelled);
    // stderr's lock may be held by a thread that prints, so write; a failure leaves no one to tell.
    if (!silent && write(STDERR_FILENO, kMessage.data(), kMessage.size()) < 0) silent = true;
  }
}

}  // namespace

const std::atomic<bool>& cancel_on_signal(bool quiet) {
  cancelled = false;
  silent = quiet;
  // A thread of its own takes the signals, and all others block them: a handler must not run on a thread that computes.
  // The f32 GEMM of oneDNN 2.6 points the stack register into a heap buffer while its kernel runs, and the system would
  // write the handler's frame there, over the allocator's data.
  static const bool started = [] {
    const sigset_t set = stopping_signals();
    if (pthread_sigmask(SIG_BLOCK, &set, nullptr) != 0) return false;  // threads made from here on inherit the mask
    std::thread(wait_for_signals, set).detach();
    return true;
  }();
  static_cast<void>(started);
  return cancelled;
}

}  // namespace swan::cli
