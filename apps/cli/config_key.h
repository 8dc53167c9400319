#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/schema.h"

namespace swan::cli {

/// An option's place in a configuration: its definition there, of which `swan config schema` is made too. Every option
/// has one, or says why it has none.
struct ConfigKey {
  std::string path = {};  ///< "sampling.guidance_scale": a section, and the option's long name with underscores
  config::Type type = config::Type::kText;
  std::optional<double> minimum = {};
  std::optional<double> maximum = {};
  std::string standard = {};                ///< built-in default, where it is one value; see config::Field
  std::vector<std::string> yields_to = {};  ///< see config::Field
  std::vector<std::string> needs = {};      ///< paths: a configuration's value counts only where one of them is given
  bool open = false;                        ///< the choices of its hint are not all that it may be
  bool negated = false;                     ///< of a flag: the option stands for `false`
  std::string none = {};                    ///< instead of all that: why it is no part of a configuration
};

/// Of options without a key. @param why  for those who read the code, and for docs/CONFIG.md
[[nodiscard]] inline ConfigKey no_key(const char* why) { return {.none = why}; }

}  // namespace swan::cli
