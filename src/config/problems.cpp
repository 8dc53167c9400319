#include "config/problems.h"

#include <fmt/format.h>

#include "swan/error.h"

namespace swan::config {

std::string Problem::str() const {
  return path.empty() ? fmt::format("{}: {}", where.str(), message)
                      : fmt::format("{}: {}: {}", where.str(), path, message);
}

void throw_any(const Problems& problems) {
  constexpr size_t kShown = 50;
  if (problems.empty()) return;
  if (problems.size() == 1) throw Error(ErrorCode::kInvalidArgument, problems.front().str());
  std::string text = fmt::format("the configuration has {} problems:", problems.size());
  for (size_t i = 0; i < problems.size() && i < kShown; ++i) text += "\n  " + problems[i].str();
  if (problems.size() > kShown) text += fmt::format("\n  and {} more", problems.size() - kShown);
  throw Error(ErrorCode::kInvalidArgument, text);
}

}  // namespace swan::config
