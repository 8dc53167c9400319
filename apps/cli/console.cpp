#include "cli/console.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): sigaction is POSIX, not in <csignal>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "swan/error.h"

namespace swan::cli {

void prepare_standard_streams() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    // open gives the lowest free number, which is fd, since those below it are open by now.
    if (fcntl(fd, F_GETFD) == -1 && errno == EBADF && open("/dev/null", O_RDWR) == -1) return;
  }
  signal(SIGPIPE, SIG_IGN);
}

void print_out(const std::string& text) {
  errno = 0;
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
  if (written || errno == EPIPE) return;
  throw Error(ErrorCode::kIo, fmt::format("cannot write to standard output: {}.", std::strerror(errno)));
}

void print_error(const std::string& line) {
  std::fprintf(stderr, "%s\n", line.c_str());
  std::fflush(stderr);
}

Console::Console(bool quiet, bool verbose) : quiet_(quiet), printer_(stderr, ProgressPrinter::is_terminal(stderr)) {
  set_log_level(quiet ? LogLevel::kError : verbose ? LogLevel::kDebug : LogLevel::kWarning);
  set_log_sink([this](LogLevel level, const std::string& message) { log(level, message); });
}

Console::~Console() { set_log_sink({}); }

void Console::begin_run(size_t index, size_t count) {
  const std::lock_guard lock(mutex_);
  run_ = count > 1 ? fmt::format("[{}/{}] ", index + 1, count) : "";
}

void Console::progress(const std::string& stage, int done, int total) {
  if (quiet_) return;
  const std::lock_guard lock(mutex_);
  printer_.update(run_ + stage, done, total);
}

void Console::transfer(const HubProgress& p) {
  if (quiet_) return;
  const std::lock_guard lock(mutex_);
  printer_.update_bytes(p.stage, fmt::format("{}/{} files", p.files_done, p.files), p.bytes_done, p.bytes,
                        p.bytes_per_second, p.seconds_left);
}

void Console::say(const std::string& message) {
  if (quiet_) return;
  const std::lock_guard lock(mutex_);
  printer_.finish();
  print_error("swan: " + message);
}

void Console::finish() {
  const std::lock_guard lock(mutex_);
  printer_.finish();
}

void Console::log(LogLevel level, const std::string& message) {
  const std::lock_guard lock(mutex_);
  printer_.finish();
  const char* name = level == LogLevel::kDebug     ? "debug"
                     : level == LogLevel::kInfo    ? "info"
                     : level == LogLevel::kWarning ? "warning"
                                                   : "error";
  print_error(fmt::format("swan: {}: {}", name, message));
}

}  // namespace swan::cli
