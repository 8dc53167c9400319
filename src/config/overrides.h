#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/problems.h"
#include "config/schema.h"
#include "config/value.h"

namespace swan::config {

/// Environment variables by name.
using Variables = std::map<std::string, std::string>;

/// What variables named SWAN__SECTION__KEY say.
[[nodiscard]] Value read_variables(const Variables& variables, const Schema& schema, int layer, Problems& problems);

/// What --set PATH=VALUE says; the last of a path counts.
[[nodiscard]] Value read_settings(const std::vector<std::string>& settings, const Schema& schema, int layer,
                                  Problems& problems);

/// An option that was typed.
struct TypedOption {
  std::string path;
  std::string name;                ///< "--steps"
  std::vector<std::string> texts;  ///< as they were typed; of a flag "true" or "false"
};

[[nodiscard]] Value read_options(const std::vector<TypedOption>& options, const Schema& schema, int layer);

}  // namespace swan::config
