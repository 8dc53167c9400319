#pragma once

#include <cstdint>

#include "cuda/dispatch.cuh"

namespace swan::backends::cuda {

/// How many values of T one access of 16 bytes moves: the widest that every GPU has.
template <typename T>
inline constexpr int kWidth = 16 / static_cast<int>(sizeof(T));

/// N values that are read or written together, 16 bytes at a time where they are more.
template <typename T, int N>
struct alignas(N * sizeof(T) < 16 ? N * sizeof(T) : 16) Pack {
  T values[N];
};

/// @param from  aligned as Pack<T, N> is. No kernel writes to what it reads: through the read-only path, which also
/// lets
///              the compiler move these loads ahead of stores
template <int N, typename T>
__device__ __forceinline__ Pack<T, N> load_pack(const T* from) {
  constexpr size_t kBytes = N * sizeof(T);
  using Part = std::conditional_t<
      kBytes >= 16, uint4,
      std::conditional_t<kBytes == 8, uint2, std::conditional_t<kBytes == 4, unsigned, unsigned short>>>;
  static_assert(kBytes % sizeof(Part) == 0);
  Pack<T, N> pack;
#pragma unroll
  for (size_t i = 0; i < kBytes / sizeof(Part); ++i)
    reinterpret_cast<Part*>(&pack)[i] = __ldg(reinterpret_cast<const Part*>(from) + i);
  return pack;
}
template <typename T, int N>
__device__ __forceinline__ void store_pack(T* to, const Pack<T, N>& pack) {
  *reinterpret_cast<Pack<T, N>*>(to) = pack;
}

template <typename T, int N>
__device__ __forceinline__ void widen(const Pack<T, N>& pack, float (&to)[N]) {
#pragma unroll
  for (int k = 0; k < N; ++k) to[k] = to_float(pack.values[k]);
}

template <int N, typename T>
__device__ __forceinline__ void load(const T* from, float (&to)[N]) {
  widen(load_pack<N>(from), to);
}
template <int N, typename T>
__device__ __forceinline__ void store(T* to, const float (&from)[N]) {
  Pack<T, N> pack;
#pragma unroll
  for (int k = 0; k < N; ++k) pack.values[k] = from_float<T>(from[k]);
  store_pack(to, pack);
}

/// Whether accesses of 16 bytes may start at all these addresses; null ones do not count.
template <typename... P>
[[nodiscard]] bool aligned(const P*... pointers) {
  return ((reinterpret_cast<uintptr_t>(pointers) | ...) & 15) == 0;
}

template <typename T>
[[nodiscard]] const T* values(const Tensor& t) {
  return static_cast<const T*>(t.raw());
}

/// A parameter such as a bias or a gate on the device: in x's dtype if it has that, else in f32.
[[nodiscard]] inline Tensor parameter(const Tensor& t, DType x) {
  return on_device(t, t.dtype() == x ? x : DType::kF32);
}

/// Calls fn.operator()<T, U>() with the element types of x and of what parameter() gave.
template <typename Fn>
void dispatch_parameter(DType x, DType parameter, const Fn& fn) {
  dispatch_floating(x, [&]<typename T>() {
    if (parameter == x) {
      fn.template operator()<T, T>();
    } else {
      fn.template operator()<T, float>();
    }
  });
}

/// Calls fn.operator()<N>() with the values of T that a thread takes at once: kWidth<T> when `wide`, else 1.
template <typename T, typename Fn>
void dispatch_width(bool wide, const Fn& fn) {
  if (wide) {
    fn.template operator()<kWidth<T>>();
  } else {
    fn.template operator()<1>();
  }
}

}  // namespace swan::backends::cuda
