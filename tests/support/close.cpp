#include "support/close.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <limits>
#include <vector>

#include "core/error.h"

namespace swan::support {

namespace {
std::string position(const Shape& shape, int64_t index) {
  std::vector<int64_t> at(shape.rank());
  for (size_t i = shape.rank(); i-- > 0;) {
    at[i] = index % shape.dims()[i];
    index /= shape.dims()[i];
  }
  return fmt::format("[{}]", fmt::join(at, ", "));
}

// What stops a comparison before any value is looked at; empty when nothing does.
std::string incomparable(const Tensor& actual, const Tensor& expected) {
  if (!actual.defined() || !expected.defined()) return "a tensor is undefined";
  if (!(actual.shape() == expected.shape()))
    return fmt::format("shape is {}, expected {}", actual.shape(), expected.shape());
  if (actual.dtype() != expected.dtype())
    return fmt::format("dtype is {}, expected {}", actual.dtype(), expected.dtype());
  if (expected.numel() == 0) return fmt::format("there is nothing to compare in shape {}", expected.shape());
  return {};
}
}  // namespace

Distance distance(const Tensor& actual, const Tensor& expected) {
  check_same_shape("distance", "actual", actual.shape(), expected.shape());
  const Tensor a = actual.on(nullptr, DType::kF32);
  const Tensor e = expected.on(nullptr, DType::kF32);
  const auto* x = a.data<float>();
  const auto* y = e.data<float>();
  Distance result;
  double worst = -1;
  double xx = 0;
  double yy = 0;
  double xy = 0;
  double squares = 0;
  for (int64_t i = 0; i < e.numel(); ++i) {
    const double error = std::abs(static_cast<double>(x[i]) - y[i]);
    if (!(error <= worst) && !std::isnan(worst)) {
      worst = error;
      result.worst_index = i;
    }
    squares += error * error;
    xx += static_cast<double>(x[i]) * x[i];
    yy += static_cast<double>(y[i]) * y[i];
    xy += static_cast<double>(x[i]) * y[i];
  }
  const double rms = std::sqrt(yy / static_cast<double>(e.numel()));
  result.max_abs = worst;
  if (worst == 0) {
    result.relative = result.relative_l2 = 0;  // also when all expected values are zero
  } else {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    result.relative = rms == 0 ? kInfinity : worst / rms;
    result.relative_l2 = yy == 0 ? kInfinity : std::sqrt(squares / yy);
  }
  result.cosine = xx == 0 && yy == 0 ? 1 : xy / std::sqrt(xx * yy);
  return result;
}

::testing::AssertionResult close(const Tensor& actual, const Tensor& expected, double rel_tolerance) {
  if (const std::string reason = incomparable(actual, expected); !reason.empty())
    return ::testing::AssertionFailure() << reason;
  const Distance d = distance(actual, expected);
  const auto value = [&](const Tensor& t) { return t.on(nullptr, DType::kF32).data<float>()[d.worst_index]; };
  const std::string report = fmt::format(
      "error {:.3g} of the RMS, {:.1f} % of the tolerance {:.3g}; worst at {} of {}: {:.9g}, expected {:.9g}; "
      "cosine {:.9f}",
      d.relative, 100 * d.relative / rel_tolerance, rel_tolerance, position(expected.shape(), d.worst_index),
      expected.shape(), value(actual), value(expected), d.cosine);
  if (!(d.relative <= rel_tolerance)) return ::testing::AssertionFailure() << report;
  return ::testing::AssertionSuccess() << report;
}

::testing::AssertionResult identical(const Tensor& actual, const Tensor& expected) {
  if (const std::string reason = incomparable(actual, expected); !reason.empty())
    return ::testing::AssertionFailure() << reason;
  const Tensor a = actual.on(nullptr, DType::kF32);
  const Tensor e = expected.on(nullptr, DType::kF32);
  int64_t different = 0;
  int64_t first = -1;
  for (int64_t i = e.numel() - 1; i >= 0; --i) {
    if (a.data<float>()[i] == e.data<float>()[i]) continue;
    first = i;
    ++different;
  }
  if (different == 0) return ::testing::AssertionSuccess() << fmt::format("all {} values are equal", e.numel());
  return ::testing::AssertionFailure() << fmt::format(
             "{} of {} values differ, first at {} of {}: {:.9g}, expected {:.9g}", different, e.numel(),
             position(e.shape(), first), e.shape(), a.data<float>()[first], e.data<float>()[first]);
}

}  // namespace swan::support
