#pragma once

#include <gtest/gtest.h>

#include <cfloat>
#include <functional>
#include <ostream>
#include <string>
#include <tuple>
#include <vector>

#include "core/context.h"
#include "core/error.h"
#include "ops/kernel_table.h"
#include "swan/tensor.h"

// What the tests of operations share: backends, inputs, and comparisons that say where and by how much they failed.
namespace swan::ops::testing {

/// Distance from 1 to the next f32: every tolerance here is a count of these times a magnitude.
inline constexpr double kEpsilon = FLT_EPSILON;

struct Backend {
  const char* name;
  Context (*context)();  ///< in f32; not called before a test runs: a backend may refuse the machine (isa_test.cpp)
};
/// Those that are compared with the reference: the CPU, and the GPU where there is one.
[[nodiscard]] std::vector<Backend> backends_under_test();
/// The same and the reference: for properties that need no oracle.
[[nodiscard]] std::vector<Backend> all_backends();
std::ostream& operator<<(std::ostream& out, const Backend& backend);

/// Normally distributed f32 values, the same for a seed on every machine.
[[nodiscard]] Tensor normal(const Shape& shape, uint32_t seed, double scale = 1, double mean = 0);
/// sin(0.7 i + phase) for element i: what known_values.py computes with.
[[nodiscard]] Tensor wave(const Shape& shape, double phase);
/// first, first + 1, ...: the source of every element shows in its value.
[[nodiscard]] Tensor iota(const Shape& shape, int first = 0);
[[nodiscard]] double rms(const Tensor& x);
/// The same values at an address aligned to one element only, as a mapped file's may be.
[[nodiscard]] Tensor misaligned(const Tensor& x);

/// |found - expected| may be at most relative * |expected| + absolute.
struct Tolerance {
  double relative = 0;
  double absolute = 0;
};
/// Fails on another shape or dtype, on NaN or infinity in either, and beyond the tolerance; tells the worst element and
/// its error as a share of the tolerance, also when it passes.
[[nodiscard]] ::testing::AssertionResult close(const Tensor& found, const Tensor& expected, Tolerance tolerance);
/// The same shape, dtype and bytes.
[[nodiscard]] ::testing::AssertionResult identical(const Tensor& found, const Tensor& expected);

/// A comparison of one backend with the reference for one case.
template <typename Case>
class OracleTest : public ::testing::TestWithParam<std::tuple<Backend, Case>> {
 protected:
  OracleTest();
  [[nodiscard]] const Case& param() const { return std::get<1>(this->GetParam()); }
  Context ctx;
  Context oracle;
};

/// The count of count_nonfinite.
[[nodiscard]] int32_t nonfinite_in(const Tensor& x, Context& ctx);

[[nodiscard]] const KernelTable& oracle_kernels();

template <typename Case>
OracleTest<Case>::OracleTest() : ctx(std::get<0>(this->GetParam()).context()), oracle(oracle_kernels()) {}

/// A property of one backend.
class BackendTest : public ::testing::TestWithParam<Backend> {
 protected:
  Context ctx = GetParam().context();
};

/// "cpu_" and the case's name(), for INSTANTIATE_TEST_SUITE_P.
template <typename Case>
std::string name_of(const ::testing::TestParamInfo<std::tuple<Backend, Case>>& info) {
  return std::string(std::get<0>(info.param).name) + "_" + std::get<1>(info.param).name();
}
inline std::string name_of_backend(const ::testing::TestParamInfo<Backend>& info) { return info.param.name; }

/// Expects fn() to throw an Error of that code whose message holds all the texts.
void expect_error(const std::function<void()>& fn, ErrorCode code, const std::vector<std::string>& texts);

}  // namespace swan::ops::testing

/// Runs OracleTest suite `suite` on every backend under test with each of `cases`.
#define SWAN_FOR_EACH_CASE(suite, cases)                                                                        \
  INSTANTIATE_TEST_SUITE_P(Backends, suite,                                                                     \
                           ::testing::Combine(::testing::ValuesIn(::swan::ops::testing::backends_under_test()), \
                                              ::testing::ValuesIn(cases)),                                      \
                           [](const auto& info) { return ::swan::ops::testing::name_of(info); })
