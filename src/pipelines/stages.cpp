#include "pipelines/stages.h"

#include "core/error.h"
#include "ops/elementwise.h"

namespace swan::pipelines {

void Stages::begin(const std::string& name, int total) {
  end();
  name_ = name;
  done_ = 0;
  total_ = total;
  start_ = std::chrono::steady_clock::now();
  report();
}

void Stages::step() {
  ++done_;
  report();
}

void Stages::end() {
  if (name_.empty()) return;
  seconds_.emplace_back(name_, std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count());
  name_.clear();
}

void Stages::report() const {
  if (callbacks_.progress) callbacks_.progress(name_, done_, total_);
}

void check_finite(const Tensor& x, const std::string& where, Context& ctx) {
  const int64_t bad = ops::count_nonfinite(x, ctx);
  if (bad == 0) return;
  fail(ErrorCode::kNumerical,
       "{} of {} values are NaN or infinite after {}, so there is no picture. The weights are damaged, or overflow in "
       "the "
       "dtype they are kept in: check the files against their source (swan info), or try --dtype f32.",
       bad, x.numel(), where);
}

}  // namespace swan::pipelines
