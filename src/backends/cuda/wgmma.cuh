#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>
#include <type_traits>

// Hopper's products of a warp group, 128 threads: operands in shared memory, accumulators of f32 in registers. In D
// [64, N] thread t holds of row 16 (t / 32) + t % 32 / 4 the values 4 i, 4 i + 1 and of the row 8 below it the values 4
// i + 2, 4 i + 3: columns 8 i + 2 (t % 4) and the next. A [64, 16] in registers lies likewise, two values a register.
// Ref: PTX ISA, wgmma.mma_async
namespace swan::backends::cuda {

__device__ __forceinline__ void mma_fence() { asm volatile("wgmma.fence.sync.aligned;\n" ::: "memory"); }
__device__ __forceinline__ void mma_commit() { asm volatile("wgmma.commit_group.sync.aligned;\n" ::: "memory"); }
/// Until no more than kPending of the groups committed are under way.
template <int kPending>
__device__ __forceinline__ void mma_wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;\n" ::"n"(kPending) : "memory");
}

/// Keeps the compiler from moving reads and writes of registers that a product uses across this place.
template <int kCount>
__device__ __forceinline__ void hold(float (&x)[kCount]) {
#pragma unroll
  for (int i = 0; i < kCount; ++i) asm volatile("" : "+f"(x[i])::"memory");
}
template <int kCount>
__device__ __forceinline__ void hold(uint32_t (&x)[kCount]) {
#pragma unroll
  for (int i = 0; i < kCount; ++i) asm volatile("" : "+r"(x[i])::"memory");
}

/// Describes a tile whose rows are of 128 bytes under the 128-byte swizzle, groups of 8 rows 1024 bytes apart.
/// @param address  in shared memory
/// @param leading  bytes from 64 columns to the next 64, where the columns are not what is summed over
__device__ __forceinline__ uint64_t tile_descriptor(uint32_t address, uint32_t leading) {
  constexpr uint64_t kGroups = 1024 >> 4, kSwizzle128 = 1;
  return static_cast<uint64_t>((address & 0x3FFFF) >> 4) | static_cast<uint64_t>(leading >> 4) << 16 | kGroups << 32 |
         kSwizzle128 << 62;
}

// clang-format off
#define SWAN_8_OF(d, i) "+f"(d[i]), "+f"(d[(i) + 1]), "+f"(d[(i) + 2]), "+f"(d[(i) + 3]), "+f"(d[(i) + 4]), \
                        "+f"(d[(i) + 5]), "+f"(d[(i) + 6]), "+f"(d[(i) + 7])
#define SWAN_MMA_64X176(type)                                                                                  \
  asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %90, 0;\n"                                                     \
               "wgmma.mma_async.sync.aligned.m64n176k16.f32." type "." type " {"                                \
               "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, " \
               "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, " \
               "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, " \
               "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63, " \
               "%64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, " \
               "%80, %81, %82, %83, %84, %85, %86, %87" \
               "}, %88, %89, p, 1, 1, 0, 0;\n}\n"                                                              \
               : SWAN_8_OF(d, 0), SWAN_8_OF(d, 8), SWAN_8_OF(d, 16), SWAN_8_OF(d, 24), \
                 SWAN_8_OF(d, 32), SWAN_8_OF(d, 40), SWAN_8_OF(d, 48), SWAN_8_OF(d, 56), \
                 SWAN_8_OF(d, 64), SWAN_8_OF(d, 72), SWAN_8_OF(d, 80) \
               : "l"(a), "l"(b), "r"(accumulate))
#define SWAN_MMA_64X128_A_IN_REGISTERS(type)                                                                   \
  asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %69, 0;\n"                                                     \
               "wgmma.mma_async.sync.aligned.m64n128k16.f32." type "." type " {"                                \
               "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, " \
               "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, " \
               "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, " \
               "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63" \
               "}, {%64, %65, %66, %67}, %68, p, 1, 1, 1;\n}\n"                                                \
               : SWAN_8_OF(d, 0), SWAN_8_OF(d, 8), SWAN_8_OF(d, 16), SWAN_8_OF(d, 24), \
                 SWAN_8_OF(d, 32), SWAN_8_OF(d, 40), SWAN_8_OF(d, 48), SWAN_8_OF(d, 56) \
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(accumulate))
// clang-format on

/// D [64, 176] = A B^T, or more of it; A [64, 16] and B [176, 16] are described with 16 columns a row.
/// @param accumulate  0: D was nothing
template <typename T>
__device__ __forceinline__ void multiply_64x176(float (&d)[88], uint64_t a, uint64_t b, uint32_t accumulate) {
  if constexpr (std::is_same_v<T, __nv_bfloat16>)
    SWAN_MMA_64X176("bf16");
  else
    SWAN_MMA_64X176("f16");
}

/// D [64, 128] = A B, or more of it; A [64, 16] is in four registers, B [16, 128] has its rows as they are stored.
template <typename T>
__device__ __forceinline__ void multiply_64x128(float (&d)[64], const uint32_t* a, uint64_t b, uint32_t accumulate) {
  if constexpr (std::is_same_v<T, __nv_bfloat16>)
    SWAN_MMA_64X128_A_IN_REGISTERS("bf16");
  else
    SWAN_MMA_64X128_A_IN_REGISTERS("f16");
}

#undef SWAN_MMA_64X128_A_IN_REGISTERS
#undef SWAN_MMA_64X176
#undef SWAN_8_OF

}  // namespace swan::backends::cuda
