#pragma once

#include <string>
#include <vector>

#include "config/value.h"

namespace swan::config {

/// Something wrong with a configuration.
struct Problem {
  Origin where = {};
  std::string path = {};     ///< "sampling.guidance_scale"; empty: the file as a whole
  std::string message = {};  ///< what was expected and found, and what to do

  /// "base.yaml:4:19: sampling.guidance_scale: expected a number, but found 'high'"
  [[nodiscard]] std::string str() const;
};

using Problems = std::vector<Problem>;

/// @throws Error kInvalidArgument naming all of them, a line each, if there are any
void throw_any(const Problems& problems);

}  // namespace swan::config
