#include <cuda_runtime.h>

#include <algorithm>
#include <cmath>

#include "cuda/dispatch.cuh"
#include "cuda/flash_attention.h"
#include "cuda/hopper.cuh"
#include "cuda/launch.cuh"
#include "cuda/wgmma.cuh"

// Ref: Dao et al. 2022, FlashAttention; Shah et al. 2024, FlashAttention-3: one warp group brings tiles of keys and
// values, two compute 64 queries each. While one has the tensor cores, the other turns scores into weights; within a
// group, the products of one tile's weights with its values run while the next tile's scores become weights. Two blocks
// share what they bring.
namespace swan::backends::cuda {

#ifdef SWAN_CUDA_HOPPER
namespace {
constexpr int kDim = 128, kHalf = kDim / 2;  // channels of a head; those in rows of 128 bytes
constexpr int kGroups = 2, kGroupRows = 64, kRows = kGroups * kGroupRows;
constexpr int kKeys = 176;  // of a tile
constexpr int kStages = 2;
constexpr int kCluster = 2;
constexpr int kGroupThreads = 128, kThreads = (kGroups + 1) * kGroupThreads;
constexpr int kQueryBytes = kRows * kDim * 2, kTileBytes = kKeys * kDim * 2;
constexpr int kBarriers = 1 + 4 * kStages;
constexpr int kSharedBytes = 1024 + kQueryBytes + 2 * kStages * kTileBytes + 8 * kBarriers;

struct Problem {
  int queries, keys, heads;
  int sharing;  // query heads of a key head
  float scale;  // times log2(e)
};

#ifdef __CUDA_ARCH_FEAT_SM90_ALL
constexpr int kRowBytes = 2 * kHalf;

// A block's shared memory: queries [group][half][64 rows], keys and values [stage][half][kKeys rows], rows of 128 bytes
// each; barriers that say when a tile is there and when it has been read.
struct Layout {
  uint32_t queries, keys, values, queries_full, keys_full, values_full, keys_empty, values_empty;
  __device__ explicit Layout(const void* shared) {
    queries = (shared_address(shared) + 1023) / 1024 * 1024;  // the swizzle's pattern repeats every 1024 bytes
    keys = queries + kQueryBytes;
    values = keys + kStages * kTileBytes;
    queries_full = values + kStages * kTileBytes;
    keys_full = queries_full + 8;
    values_full = keys_full + 8 * kStages;
    keys_empty = values_full + 8 * kStages;
    values_empty = keys_empty + 8 * kStages;
  }
};

__device__ __forceinline__ float exp2_fast(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;\n" : "=f"(y) : "f"(x));
  return y;
}

template <typename T>
__device__ __forceinline__ uint32_t pack(float low, float high) {
  uint32_t both;
  if constexpr (std::is_same_v<T, __nv_bfloat16>)
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;\n" : "=r"(both) : "f"(high), "f"(low));
  else
    asm("cvt.rn.f16x2.f32 %0, %1, %2;\n" : "=r"(both) : "f"(high), "f"(low));
  return both;
}

// The thread that brings tiles, the last first: that one may be short, and the loop over the others need not look.
__device__ void bring(const Layout& at, const CUtensorMap& q, const CUtensorMap& k, const CUtensorMap& v,
                      const Problem& p) {
  const int head = blockIdx.y, sample = blockIdx.z, tiles = (p.keys + kKeys - 1) / kKeys, rank = cluster_rank();
  constexpr int kPart = kKeys / kCluster;  // rows that this block brings for all
  barrier_expect(at.queries_full, kQueryBytes);
  for (int i = 0; i < 2 * kGroups; ++i)
    load_box(at.queries + i * kGroupRows * kRowBytes, q,
             {i % 2 * kHalf, head, static_cast<int>(blockIdx.x) * kRows + i / 2 * kGroupRows, sample}, at.queries_full);
  const auto load = [&](const CUtensorMap& map, uint32_t to, uint32_t full, uint32_t empty, int i) {
    const int stage = i % kStages, row = (tiles - 1 - i) * kKeys + rank * kPart;
    barrier_wait(empty + 8 * stage, (i / kStages & 1) ^ 1);
    barrier_expect(full + 8 * stage, kTileBytes);
    for (int half = 0; half < 2; ++half)
      load_box_for((1 << kCluster) - 1, to + stage * kTileBytes + (half * kKeys + rank * kPart) * kRowBytes, map,
                   {half * kHalf, head / p.sharing, row, sample}, full + 8 * stage);
  };
  for (int i = 0; i <= tiles; ++i) {
    if (i < tiles) load(k, at.keys, at.keys_full, at.keys_empty, i);
    if (i > 0) load(v, at.values, at.values_full, at.values_empty, i - 1);
  }
}

// A group of warps: 64 queries.
template <typename T>
class Group {
 public:
  __device__ __forceinline__ Group(const Layout& at, const Problem& p, int group)
      : at_(at), p_(p), group_(group), lane_(threadIdx.x % 32), tiles_((p.keys + kKeys - 1) / kKeys) {}

  __device__ __forceinline__ void run(T* out) {
    if (group_ == 1) named_arrive(kTurn, kGroups * kGroupThreads);  // the first turn is group 0's
    first_tile();
    for (int i = 1; i < tiles_; ++i) tile(i);
    last_values();
    if (group_ == 0) named_sync(kTurn, kGroups * kGroupThreads);  // the turn that nobody takes
    store(out);
  }

 private:
  static constexpr int kTurn = 1;  // named barriers: of group 0's turns and, one up, of group 1's

  __device__ __forceinline__ void release(uint32_t empty) {
    if (lane_ < kCluster) barrier_arrive(empty, lane_);
  }

  // Issues scores = q k^T.
  __device__ __forceinline__ void multiply_keys(int stage) {
    const uint32_t q = at_.queries + group_ * kGroupRows * kDim * 2, k = at_.keys + stage * kTileBytes;
#pragma unroll
    for (int i = 0; i < kDim / 16; ++i) {
      const int half = i / 4, byte = i % 4 * 32;
      multiply_64x176<T>(scores_, tile_descriptor(q + half * kGroupRows * kRowBytes + byte, 16),
                         tile_descriptor(k + half * kKeys * kRowBytes + byte, 16), i > 0);
    }
    mma_commit();
  }

  // Issues out += weights v.
  __device__ __forceinline__ void multiply_values(int stage, bool accumulate) {
    const uint32_t v = at_.values + stage * kTileBytes;
#pragma unroll
    for (int i = 0; i < kKeys / 16; ++i)
      multiply_64x128<T>(out_, weights_ + 4 * i, tile_descriptor(v + i * 16 * kRowBytes, kKeys * kRowBytes),
                         accumulate || i > 0);
    mma_commit();
  }

  // Scores become weights relative to the largest score of the row so far; what was made with an earlier one must be
  // multiplied by factor_.
  __device__ __forceinline__ void softmax() {
    float most[2] = {most_[0], most_[1]};
#pragma unroll
    for (int i = 0; i < kKeys / 2; ++i) most[i / 2 % 2] = fmaxf(most[i / 2 % 2], scores_[i]);
    float minus[2];
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      most[r] = fmaxf(most[r], __shfl_xor_sync(~0U, most[r], 1));
      most[r] = fmaxf(most[r], __shfl_xor_sync(~0U, most[r], 2));
      factor_[r] = exp2_fast((most_[r] - most[r]) * p_.scale);
      most_[r] = most[r];
      minus[r] = -most[r] * p_.scale;
    }
    float part[4] = {};
#pragma unroll
    for (int i = 0; i < kKeys / 2; ++i) scores_[i] = exp2_fast(fmaf(scores_[i], p_.scale, minus[i / 2 % 2]));
#pragma unroll
    for (int i = 0; i < kKeys / 2; i += 2) part[i / 2 % 4] += scores_[i] + scores_[i + 1];
#pragma unroll
    for (int r = 0; r < 2; ++r) sum_[r] = fmaf(sum_[r], factor_[r], part[r] + part[r + 2]);
  }

  __device__ __forceinline__ void keep_weights() {
#pragma unroll
    for (int i = 0; i < kKeys / 4; ++i) weights_[i] = pack<T>(scores_[2 * i], scores_[2 * i + 1]);
  }

  __device__ __forceinline__ void first_tile() {
    barrier_wait(at_.queries_full, 0);
    barrier_wait(at_.keys_full, 0);
    hold(scores_);
    mma_fence();
    multiply_keys(0);
    mma_wait<0>();
    hold(scores_);
    release(at_.keys_empty);
    if (const int left = p_.keys - (tiles_ - 1) * kKeys; left < kKeys) {
#pragma unroll
      for (int i = 0; i < kKeys / 2; ++i)
        if (i / 4 * 8 + lane_ % 4 * 2 + i % 2 >= left) scores_[i] = -INFINITY;
    }
    softmax();
    keep_weights();
  }

  __device__ __forceinline__ void tile(int i) {
    const int stage = i % kStages, before = (i - 1) % kStages;
    barrier_wait(at_.keys_full + 8 * stage, i / kStages & 1);
    named_sync(kTurn + group_, kGroups * kGroupThreads);
    hold(scores_);
    hold(out_);
    hold(weights_);
    mma_fence();
    multiply_keys(stage);
    barrier_wait(at_.values_full + 8 * before, (i - 1) / kStages & 1);
    multiply_values(before, i > 1);
    named_arrive(kTurn + 1 - group_, kGroups * kGroupThreads);
    mma_wait<1>();
    hold(scores_);
    release(at_.keys_empty + 8 * stage);
    softmax();
    mma_wait<0>();
    hold(out_);
    hold(weights_);
    release(at_.values_empty + 8 * before);
#pragma unroll
    for (int c = 0; c < kDim / 2; ++c) out_[c] *= factor_[c / 2 % 2];
    keep_weights();
  }

  __device__ __forceinline__ void last_values() {
    const int last = tiles_ - 1;
    barrier_wait(at_.values_full + 8 * (last % kStages), last / kStages & 1);
    hold(out_);
    hold(weights_);
    mma_fence();
    multiply_values(last % kStages, tiles_ > 1);
    mma_wait<0>();
    hold(out_);
  }

  __device__ __forceinline__ void store(T* out) {
    const int warp = threadIdx.x / 32 % 4;
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      sum_[r] += __shfl_xor_sync(~0U, sum_[r], 1);
      sum_[r] += __shfl_xor_sync(~0U, sum_[r], 2);
      const float inverse = 1.0F / sum_[r];
      const int row = blockIdx.x * kRows + group_ * kGroupRows + warp * 16 + lane_ / 4 + 8 * r;
      if (row >= p_.queries) continue;
      const int64_t token = static_cast<int64_t>(blockIdx.z) * p_.queries + row;
      T* to = out + (token * p_.heads + blockIdx.y) * kDim + lane_ % 4 * 2;
#pragma unroll
      for (int c = 0; c < kDim / 8; ++c)
        *reinterpret_cast<uint32_t*>(to + 8 * c) =
            pack<T>(out_[4 * c + 2 * r] * inverse, out_[4 * c + 2 * r + 1] * inverse);
    }
  }

  const Layout& at_;
  const Problem& p_;
  int group_, lane_, tiles_;
  float scores_[kKeys / 2];
  uint32_t weights_[kKeys / 4];
  float out_[kDim / 2];
  float most_[2] = {-INFINITY, -INFINITY}, sum_[2] = {0, 0}, factor_[2];
};

#endif

template <typename T>
__global__ void __launch_bounds__(kThreads, 1)
    flash_attention_kernel(const __grid_constant__ CUtensorMap q, const __grid_constant__ CUtensorMap k,
                           const __grid_constant__ CUtensorMap v, T* __restrict__ out, const Problem p) {
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
  extern __shared__ uint8_t shared[];
  const Layout at(shared);
  if (threadIdx.x == 0) {
    constexpr int kReaders = kCluster * kGroups * kGroupThreads / 32;  // warps
    barrier_init(at.queries_full, 1);
    for (int stage = 0; stage < kStages; ++stage) {
      for (const uint32_t full : {at.keys_full, at.values_full}) barrier_init(full + 8 * stage, 1);
      for (const uint32_t empty : {at.keys_empty, at.values_empty}) barrier_init(empty + 8 * stage, kReaders);
    }
    barriers_are_ready();
  }
  cluster_sync();
  // All registers of the multiprocessor's 65,536 but a few are the groups'.
  if (threadIdx.x < kGroupThreads) {
    give_registers<24>();
    if (threadIdx.x == 0) bring(at, q, k, v, p);
  } else {
    take_registers<240>();
    Group<T>(at, p, static_cast<int>(threadIdx.x) / kGroupThreads - 1).run(out);
  }
  cluster_sync();  // nobody leaves while a neighbour still writes here
#endif
}

// [B, L, heads * 128] as boxes of 64 channels of one head by `rows` tokens.
CUtensorMap tensor_map(const Tensor& x, int64_t heads, int rows) {
  static const auto encode = [] {
    void* function = nullptr;
    cudaDriverEntryPointQueryResult found{};
    check(cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &function, 12000, cudaEnableDefault, &found),
          "cudaGetDriverEntryPointByVersion");
    return reinterpret_cast<decltype(&::cuTensorMapEncodeTiled)>(found == cudaDriverEntryPointSuccess ? function
                                                                                                      : nullptr);
  }();
  CUtensorMap map;
  const auto length = static_cast<uint64_t>(x.dim(1)), count = static_cast<uint64_t>(heads);
  const cuuint64_t dims[] = {kDim, count, length, static_cast<uint64_t>(x.dim(0))};
  const cuuint64_t strides[] = {2 * kDim, 2 * kDim * count, 2 * kDim * count * length};  // bytes, but the innermost
  const cuuint32_t box[] = {kHalf, 1, static_cast<uint32_t>(rows), 1}, steps[] = {1, 1, 1, 1};
  const auto type = x.dtype() == DType::kBF16 ? CU_TENSOR_MAP_DATA_TYPE_BFLOAT16 : CU_TENSOR_MAP_DATA_TYPE_FLOAT16;
  const CUresult status =
      encode == nullptr
          ? CUDA_ERROR_NOT_SUPPORTED
          : encode(&map, type, 4, const_cast<void*>(x.raw()), dims, strides, box, steps, CU_TENSOR_MAP_INTERLEAVE_NONE,
                   CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  check(status == CUDA_SUCCESS ? cudaSuccess : cudaErrorInvalidValue, "cuTensorMapEncodeTiled");
  return map;
}

template <typename T>
void run(const Tensor& q, const Tensor& k, const Tensor& v, int64_t heads, int64_t kv_heads, float scale, Tensor& out) {
  const auto kernel = &flash_attention_kernel<T>;
  check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, kSharedBytes),
        "cudaFuncSetAttribute");
  const Problem problem = {.queries = static_cast<int>(q.dim(1)),
                           .keys = static_cast<int>(k.dim(1)),
                           .heads = static_cast<int>(heads),
                           .sharing = static_cast<int>(heads / kv_heads),
                           .scale = scale * static_cast<float>(M_LOG2E)};
  cudaLaunchAttribute cluster{};
  cluster.id = cudaLaunchAttributeClusterDimension;
  cluster.val.clusterDim.x = kCluster;
  cluster.val.clusterDim.y = cluster.val.clusterDim.z = 1;
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(static_cast<unsigned>(ceil_div(q.dim(1), kRows * kCluster) * kCluster),
                        static_cast<unsigned>(heads), static_cast<unsigned>(q.dim(0)));
  config.blockDim = dim3(kThreads);
  config.dynamicSmemBytes = kSharedBytes;
  config.stream = stream();
  config.attrs = &cluster;
  config.numAttrs = 1;
  check(cudaLaunchKernelEx(&config, kernel, tensor_map(q, heads, kGroupRows), tensor_map(k, kv_heads, kKeys / kCluster),
                           tensor_map(v, kv_heads, kKeys / kCluster), static_cast<T*>(out.raw_mut()), problem),
        "flash_attention");
}
constexpr int64_t kMostTokens = int64_t{1} << 30, kMostBlocks = 65535;  // of int; of a grid's further dimensions

bool aligned(const Tensor& t) { return reinterpret_cast<uintptr_t>(t.raw()) % 16 == 0; }
}  // namespace

bool flash_attention(const Tensor& q, const Tensor& k, const Tensor& v, int64_t heads, int64_t kv_heads, float scale,
                     Tensor& out) {
  if (current().compute_capability() / 10 != 9 || q.dim(2) != heads * kDim || !(scale > 0) || k.dim(1) == 0 ||
      std::max(q.dim(1), k.dim(1)) > kMostTokens || std::max(heads, q.dim(0)) > kMostBlocks || !aligned(q) ||
      !aligned(k) || !aligned(v))
    return false;
  if (q.dtype() == DType::kBF16)
    run<__nv_bfloat16>(q, k, v, heads, kv_heads, scale, out);
  else if (q.dtype() == DType::kF16)
    run<__half>(q, k, v, heads, kv_heads, scale, out);
  else
    return false;
  return true;
}
#else
bool flash_attention(const Tensor& /*q*/, const Tensor& /*k*/, const Tensor& /*v*/, int64_t /*heads*/,
                     int64_t /*kv_heads*/, float /*scale*/, Tensor& /*out*/) {
  return false;
}
#endif

}  // namespace swan::backends::cuda
