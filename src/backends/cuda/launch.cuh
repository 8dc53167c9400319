#pragma once

#include <cstdint>

#include "cuda/vector.cuh"

namespace swan::backends::cuda {

/// Division by a number that is known at the launch: a multiplication and a shift where the dividend is below 2^31, as
/// it nearly always is, instead of some forty instructions. Ref: Granlund & Montgomery 1994
class Divisor {
 public:
  explicit Divisor(int64_t divisor) : divisor_(divisor) {
    if (divisor > INT32_MAX) return;  // as initialised: the quotient of a dividend below 2^31 is 0
    for (shift_ = 0; (int64_t{1} << shift_) < divisor;) ++shift_;
    magic_ = static_cast<uint32_t>(((uint64_t{1} << 32) * ((uint64_t{1} << shift_) - static_cast<uint64_t>(divisor))) /
                                       static_cast<uint64_t>(divisor) +
                                   1);
  }

  [[nodiscard]] __host__ __device__ __forceinline__ int64_t divisor() const { return divisor_; }

  struct Result {
    int64_t quotient, remainder;
  };
  /// @param n  not negative
  [[nodiscard]] __host__ __device__ __forceinline__ Result divide(int64_t n) const {
    int64_t quotient;
    if (n <= INT32_MAX) {
      const auto low = static_cast<uint32_t>(n);
      quotient = (static_cast<uint32_t>((static_cast<uint64_t>(low) * magic_) >> 32) + low) >> shift_;
    } else {
      quotient = n / divisor_;
    }
    return {quotient, n - quotient * divisor_};
  }

 private:
  int64_t divisor_;
  uint32_t magic_ = 0, shift_ = 31;
};

/// Launches a kernel on the device's stream; nothing when there are no blocks.
template <typename... Parameters, typename... Arguments>
void launch(const char* name, void (*kernel)(Parameters...), int64_t blocks, int threads,
            const Arguments&... arguments) {
  if (blocks == 0) return;
  kernel<<<static_cast<unsigned>(blocks), static_cast<unsigned>(threads), 0, stream()>>>(arguments...);
  check_launch(name);
}

[[nodiscard]] constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

inline constexpr int kMapThreads = 256;
// Two a thread: both are on their way from memory before the first is needed.
inline constexpr int kMapUnroll = 2;

/// y[i N ... i N + N) = fn(i, float (&)[N]) for i in [0, count).
template <typename T, int N, typename Fn>
__global__ void __launch_bounds__(kMapThreads) map_kernel(const Fn fn, T* __restrict__ y, int64_t count) {
  const int64_t first = static_cast<int64_t>(blockIdx.x) * (kMapThreads * kMapUnroll) + threadIdx.x;
  float values[kMapUnroll][N];
#pragma unroll
  for (int u = 0; u < kMapUnroll; ++u)
    if (first + u * kMapThreads < count) fn(first + u * kMapThreads, values[u]);
#pragma unroll
  for (int u = 0; u < kMapUnroll; ++u)
    if (first + u * kMapThreads < count) store<N>(y + (first + u * kMapThreads) * N, values[u]);
}

/// y[i] = fn(i) for i in [0, count): values as they are, whatever they mean.
template <typename Unit, typename Fn>
__global__ void __launch_bounds__(kMapThreads) gather_kernel(const Fn fn, Unit* __restrict__ y, int64_t count) {
  const int64_t first = static_cast<int64_t>(blockIdx.x) * (kMapThreads * kMapUnroll) + threadIdx.x;
  Unit units[kMapUnroll];
#pragma unroll
  for (int u = 0; u < kMapUnroll; ++u)
    if (first + u * kMapThreads < count) units[u] = fn(first + u * kMapThreads);
#pragma unroll
  for (int u = 0; u < kMapUnroll; ++u)
    if (first + u * kMapThreads < count) y[first + u * kMapThreads] = units[u];
}

/// Fills y, of elements T, from fn(i, float (&)[N]): a functor that computes values [i N, i N + N).
template <typename T, int N, typename Fn>
void map(const char* name, Tensor& y, const Fn& fn) {
  const int64_t count = y.numel() / N;
  launch(name, map_kernel<T, N, Fn>, ceil_div(count, kMapThreads * kMapUnroll), kMapThreads, fn,
         static_cast<T*>(y.raw_mut()), count);
}

/// Fills y from fn(i), its i-th Unit.
template <typename Unit, typename Fn>
void gather(const char* name, Tensor& y, const Fn& fn) {
  const auto count = static_cast<int64_t>(y.nbytes() / sizeof(Unit));
  launch(name, gather_kernel<Unit, Fn>, ceil_div(count, kMapThreads * kMapUnroll), kMapThreads, fn,
         static_cast<Unit*>(y.raw_mut()), count);
}

}  // namespace swan::backends::cuda
