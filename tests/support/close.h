#pragma once

#include <gtest/gtest.h>

#include "swan/tensor.h"

namespace swan::support {

/// How far one tensor is from another.
struct Distance {
  double relative = 0;       ///< largest absolute error / root mean square of the expected values; NaN if any is NaN
  double relative_l2 = 0;    ///< norm of the errors / norm of the expected values, NaN and infinity likewise
  double max_abs = 0;        ///< largest absolute error; NaN if any is NaN
  double cosine = 0;         ///< of the angle between the two, as vectors
  int64_t worst_index = -1;  ///< flat index of the largest error, or of the first that is not a number
};

/// @param actual, expected  of one shape; compared in f32
[[nodiscard]] Distance distance(const Tensor& actual, const Tensor& expected);

/// Whether two tensors have one shape and dtype and differ by at most `rel_tolerance` times the root mean square of
/// the expected values. NaN and infinity fail, and so does a comparison of nothing. The message, also that of
/// a success, has the worst element, the error as a share of the tolerance and the cosine.
[[nodiscard]] ::testing::AssertionResult close(const Tensor& actual, const Tensor& expected, double rel_tolerance);

/// Whether two tensors have one shape, dtype and value everywhere (any NaN equals none).
[[nodiscard]] ::testing::AssertionResult identical(const Tensor& actual, const Tensor& expected);

}  // namespace swan::support
