#pragma once

#include <stdexcept>
#include <string>

#include "swan/export.h"

namespace swan {

/// What kind of failure an Error reports; callers map it to exit codes, HTTP statuses or exceptions of their own.
enum class ErrorCode {
  kInvalidArgument,  ///< the caller's arguments contradict each other or the model
  kNotFound,         ///< a file or folder is not there
  kCorruptFile,      ///< a file is not what it claims to be
  kMissingTensor,    ///< weights lack a tensor that the configuration implies
  kShapeMismatch,    ///< two shapes that must agree do not
  kUnsupported,      ///< valid, but this build, device or version cannot do it
  kOutOfMemory,      ///< an allocation failed
  kIo,               ///< the operating system refused a read or write
  kNumerical,        ///< NaN or infinity where there must be none
  kCancelled,        ///< the caller asked to stop
  kInternal,         ///< a defect of Swan
};

/// The only exception type the library throws on purpose. The message says what failed, where, what was expected
/// against what was found, and what to do next.
class SWAN_API Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ~Error() override;
  [[nodiscard]] ErrorCode code() const noexcept { return code_; }

 private:
  ErrorCode code_;
};

/// The stable, lower-case name of a code ("corrupt_file"), for JSON.
[[nodiscard]] SWAN_API const char* error_code_name(ErrorCode code) noexcept;

}  // namespace swan
