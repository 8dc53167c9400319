#include "ops_testing.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <numbers>
#include <numeric>
#include <random>

#include "cpu/kernels.h"
#include "ops/elementwise.h"
#include "reference/kernels.h"
#include "support/device.h"

namespace swan::ops::testing {

const KernelTable& oracle_kernels() { return backends::reference_kernels(); }

std::vector<Backend> backends_under_test() {
  std::vector<Backend> all = {{"cpu", [] { return Context(backends::cpu_kernels()); }}};
  if (support::test_gpus() > 0) all.push_back({"cuda", [] { return support::gpu_context(DType::kF32); }});
  return all;
}

std::vector<Backend> all_backends() {
  std::vector<Backend> all = backends_under_test();
  all.push_back({"reference", [] { return Context(backends::reference_kernels()); }});
  return all;
}

std::ostream& operator<<(std::ostream& out, const Backend& backend) { return out << backend.name; }

Tensor normal(const Shape& shape, uint32_t seed, double scale, double mean) {
  // Box and Muller's method: std::normal_distribution draws differently in each standard library.
  std::mt19937 twister(seed);
  const auto uniform = [&] { return (static_cast<double>(twister()) + 0.5) / 4294967296.0; };
  Tensor t = Tensor::empty(shape, DType::kF32);
  auto* values = t.data_mut<float>();
  for (int64_t i = 0; i < t.numel(); ++i) {
    const double radius = std::sqrt(-2 * std::log(uniform()));
    values[i] = static_cast<float>(mean + scale * radius * std::cos(2 * std::numbers::pi * uniform()));
  }
  return t;
}

Tensor wave(const Shape& shape, double phase) {
  Tensor t = Tensor::empty(shape, DType::kF32);
  for (int64_t i = 0; i < t.numel(); ++i)
    t.data_mut<float>()[i] = static_cast<float>(std::sin(0.7 * static_cast<double>(i) + phase));
  return t;
}

Tensor iota(const Shape& shape, int first) {
  Tensor t = Tensor::empty(shape, DType::kF32);
  std::iota(t.data_mut<float>(), t.data_mut<float>() + t.numel(), static_cast<float>(first));
  return t;
}

double rms(const Tensor& x) {
  double squares = 0;
  const Tensor values = x.to(DType::kF32);
  for (int64_t i = 0; i < x.numel(); ++i) squares += std::pow(values.data<float>()[i], 2);
  return std::sqrt(squares / static_cast<double>(x.numel()));
}

Tensor misaligned(const Tensor& x) {
  const size_t offset = size_of(x.dtype());
  // 16-byte aligned by operator new, so one element further is aligned to nothing wider.
  const std::shared_ptr<char[]> bytes(new char[x.nbytes() + offset]);
  std::memcpy(bytes.get() + offset, x.raw(), x.nbytes());
  return Tensor::view_of(bytes.get() + offset, x.shape(), x.dtype(), std::shared_ptr<void>(bytes, bytes.get()));
}

::testing::AssertionResult close(const Tensor& result, const Tensor& expectation, Tolerance tolerance) {
  const Tensor found = result.cpu(), expected = expectation.cpu();
  if (!found.defined() || found.shape() != expected.shape() || found.dtype() != expected.dtype())
    return ::testing::AssertionFailure() << fmt::format("found {} {}, expected {} {}", found.dtype(), found.shape(),
                                                        expected.dtype(), expected.shape());
  double worst = 0;
  double dot = 0, found_squares = 0, expected_squares = 0;
  int64_t at = 0;
  for (int64_t i = 0; i < found.numel(); ++i) {
    const double a = found.data<float>()[i], b = expected.data<float>()[i];
    // Below the smallest normal f32 a vector unit may flush to zero.
    const double share = std::abs(a - b) / (tolerance.relative * std::abs(b) + tolerance.absolute + FLT_MIN);
    dot += a * b;
    found_squares += a * a;
    expected_squares += b * b;
    if (!(share <= worst)) {  // also NaN
      worst = share;
      at = i;
      if (!std::isfinite(share)) break;
    }
  }
  const std::string report =
      fmt::format("worst element {} of {}: found {:.9g}, expected {:.9g}, error {:.3g} of the tolerance; cosine {:.9f}",
                  at, found.shape(), found.data<float>()[at], expected.data<float>()[at], worst,
                  dot / std::sqrt(found_squares * expected_squares));
  ::testing::Test::RecordProperty("worst_share", fmt::format("{:.3g}", worst));
  return (worst <= 1 ? ::testing::AssertionSuccess() : ::testing::AssertionFailure()) << report;
}

::testing::AssertionResult identical(const Tensor& result, const Tensor& expectation) {
  const Tensor found = result.cpu(), expected = expectation.cpu();
  if (!found.defined() || found.shape() != expected.shape() || found.dtype() != expected.dtype())
    return ::testing::AssertionFailure() << fmt::format("found {} {}, expected {} {}", found.dtype(), found.shape(),
                                                        expected.dtype(), expected.shape());
  const auto* a = static_cast<const char*>(found.raw());
  const auto* b = static_cast<const char*>(expected.raw());
  const auto [first, second] = std::mismatch(a, a + found.nbytes(), b);
  if (first == a + found.nbytes()) return ::testing::AssertionSuccess();
  const auto at = (first - a) / static_cast<ptrdiff_t>(size_of(found.dtype()));
  return ::testing::AssertionFailure() << fmt::format(
             "first difference at element {} of {}: found {:.9g}, expected {:.9g}", at, found.shape(),
             found.to(DType::kF32).data<float>()[at], expected.to(DType::kF32).data<float>()[at]);
}

int32_t nonfinite_in(const Tensor& x, Context& ctx) { return count_nonfinite(x, ctx).cpu().data<int32_t>()[0]; }

void expect_error(const std::function<void()>& fn, ErrorCode code, const std::vector<std::string>& texts) {
  try {
    fn();
    ADD_FAILURE() << "no error; expected " << error_code_name(code);
  } catch (const Error& error) {
    EXPECT_STREQ(error_code_name(error.code()), error_code_name(code)) << error.what();
    for (const std::string& text : texts)
      EXPECT_NE(std::string(error.what()).find(text), std::string::npos)
          << "'" << text << "' is not in: " << error.what();
  }
}

}  // namespace swan::ops::testing
