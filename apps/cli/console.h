#pragma once

#include <functional>
#include <mutex>
#include <string>

#include "swan/hub.h"
#include "swan/log.h"
#include "swan/progress.h"

namespace swan::cli {

/// Opens /dev/null in place of a closed standard input, output or error, lest the first file that is opened take its
/// number and receive what is printed, and makes writing to a closed pipe an error instead of a signal.
void prepare_standard_streams();

/// Writes to standard output and flushes. A reader that has gone away is not an error: it has seen all it wanted.
/// @throws Error kIo with the system's reason, e.g. when standard output is a file on a full disk
void print_out(const std::string& text);

/// Writes a line to standard error.
void print_error(const std::string& line);

/// Standard error during a run: progress, and what the library logs, without one breaking the other's line.
class Console {
 public:
  /// @param quiet    no progress, and of the log only errors;  @param verbose  the whole log
  Console(bool quiet, bool verbose);
  ~Console();
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;

  /// Says with the progress that follows which of several runs it is of: "[2/5] denoise".
  void begin_run(size_t index, size_t count);
  void progress(const std::string& stage, int done, int total);
  /// How far a download or an upload has come.
  void transfer(const HubProgress& progress);
  /// Says something about what is being done, unless it is quiet.
  void say(const std::string& message);
  /// Ends the progress line, so that something else can be printed.
  void finish();

 private:
  void log(LogLevel level, const std::string& message);

  std::mutex mutex_;
  bool quiet_;
  std::string run_;  ///< "[2/5] "
  ProgressPrinter printer_;
};

}  // namespace swan::cli
