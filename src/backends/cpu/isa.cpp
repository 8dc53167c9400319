#include "cpu/isa.h"

#include <hwy/targets.h>

#include <cstdlib>
#include <string>

#include "core/error.h"
#include "cpu/kernels.h"
#include "cpu/onednn.h"

namespace swan::backends {

namespace {
constexpr auto kAvx512Targets = HWY_AVX3 | HWY_AVX3_DL;

std::string apply() {
  const auto supported = hwy::SupportedTargets();
  std::string best = "baseline";
  if ((supported & kAvx512Targets) != 0) {
    best = "avx512";
  } else if ((supported & HWY_AVX2) != 0) {
    best = "avx2";
  }
  const char* wanted = std::getenv("SWAN_CPU_ISA");
  if (wanted == nullptr || *wanted == '\0' || best == wanted) return best;
  const std::string level = wanted;
  const bool lower = level == "baseline" || (level == "avx2" && best == "avx512");
  if (!lower)
    fail(ErrorCode::kInvalidArgument,
         "SWAN_CPU_ISA={}: this processor offers {}; use baseline, avx2 or avx512, at most that.", level, best);
  hwy::DisableTargets(level == "avx2" ? kAvx512Targets : kAvx512Targets | HWY_AVX2);
  limit_onednn_isa(level == "avx2" ? dnnl::cpu_isa::avx2 : dnnl::cpu_isa::sse41);
  return level;
}

const std::string& level() {
  static const std::string chosen = apply();
  return chosen;
}
}  // namespace

void select_isa() { (void)level(); }
const char* cpu_isa() { return level().c_str(); }

}  // namespace swan::backends
