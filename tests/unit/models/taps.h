#pragma once

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "core/context.h"
#include "support/close.h"
#include "support/golden.h"

namespace swan::support {

/// Compares every activation that the fixture holds with the recorded one of the same path. A path of the fixture that
/// was not recorded fails, unless it is in `absent`, as does a recording without any tap where the fixture has some.
inline void expect_taps(const Context& ctx, const GoldenCase& golden, double tolerance,
                        const std::set<std::string>& absent = {}) {
  for (const auto& [path, expected] : golden.with_prefix("mid.")) {
    if (absent.contains(path)) continue;
    auto it = ctx.taps().find(path);
    // The reference's hooks count a module twice that is also another's last child.
    if (it == ctx.taps().end() && path.ends_with("#1")) it = ctx.taps().find(path.substr(0, path.size() - 2));
    if (it == ctx.taps().end()) {
      ADD_FAILURE() << golden.name << ": nothing was recorded for " << path;
      continue;
    }
    EXPECT_TRUE(close(it->second, expected, tolerance)) << golden.name << ": " << path;
  }
}

}  // namespace swan::support
