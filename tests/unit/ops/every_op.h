#pragma once

#include <functional>
#include <span>
#include <vector>

#include "ops_testing.h"

namespace swan::ops::testing {

/// One run of an operation, for properties that all operations share.
struct OpRun {
  const char* name;
  std::vector<Tensor> inputs;
  std::function<Tensor(std::span<const Tensor> inputs, Context& ctx)> run;
};
std::ostream& operator<<(std::ostream& out, const OpRun& op);

/// Every operation that makes a tensor, at sizes that give several tasks, long reductions and odd tails.
[[nodiscard]] std::vector<OpRun> every_op();

}  // namespace swan::ops::testing
