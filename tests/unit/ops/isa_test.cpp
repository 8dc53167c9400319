// SWAN_CPU_ISA chooses the instruction set. CTest runs the whole suite at each level (CMakeLists.txt).
#include <cstdlib>
#include <string>

#include "cpu/kernels.h"
#include "ops/elementwise.h"
#include "ops_testing.h"

namespace swan::ops::testing {
namespace {

// By the compiler's own means, not through the backend's library.
std::string best_level() {
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512cd"))
    return "avx512";
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? "avx2" : "baseline";
}

std::string forced_level() {
  const char* level = std::getenv("SWAN_CPU_ISA");
  return level == nullptr ? "" : level;
}

// Skips every test, not only this file's, where the processor lacks the level: the backend refuses to start then.
class NeedsLevel : public ::testing::Environment {
 public:
  void SetUp() override {
    const std::string forced = forced_level(), best = best_level();
    if ((forced == "avx512" && best != "avx512") || (forced == "avx2" && best == "baseline"))
      GTEST_SKIP() << "this machine lacks " << forced << "; its best is " << best;
  }
};
[[maybe_unused]] const auto* const needs_level = ::testing::AddGlobalTestEnvironment(new NeedsLevel);

TEST(Isa, ForcedLevelIsTheOneThatRuns) {
  // Something has been computed before the level is asked for.
  Context ctx(backends::cpu_kernels());
  EXPECT_TRUE(identical(activate(iota({9}, -4), Activation::kRelu, ctx),
                        Tensor::from(std::vector<float>{0, 0, 0, 0, 0, 1, 2, 3, 4}, {9})));
  EXPECT_EQ(backends::cpu_isa(), forced_level().empty() ? best_level() : forced_level());
}

}  // namespace
}  // namespace swan::ops::testing
