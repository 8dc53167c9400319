#include <algorithm>

#include "cuda/dispatch.cuh"
#include "cuda/entries.h"
#include "cuda/linear_attention.cuh"
#include "cuda/runtime.h"

// ReLU linear attention in two kernels: the tokens' states, a partial one for each chunk of tokens so that the card is
// full, and their application to the queries, which adds the partial states up in order. q, k and v are read once.
namespace swan::backends::cuda {

namespace {
constexpr int kWarp = 32;
constexpr int kWarps = 4;        // of a block
constexpr int kTile = 16;        // tokens that a warp takes at once
constexpr int kDim = 32;         // channels of a head in every model there is
constexpr int kMostChunks = 16;  // partial states that each block of the second kernel adds up
constexpr int kBlocksPerMultiprocessor = 4;

// Heads of 32 channels in 16 bits, on tensor cores. Products are of 16-bit values and exact, sums are in f32.
//
// A warp holds the whole state: relu(k)^T v is a product over tokens, whose order is free as long as both factors have
// the same, and so is the order of the channels. It is chosen such that each thread reads 4 neighbouring channels of 4
// neighbouring tokens: thread (g, t) = (lane / 4, lane % 4) has tokens 4t to 4t + 3 and channels 4g to 4g + 3. Row g of
// product m is channel 4g + 2m, row g + 8 is channel 4g + 2m + 1; column g of product n is channel 4g + n.
template <typename T>
__global__ void __launch_bounds__(kWarps* kWarp, kBlocksPerMultiprocessor)
    states_32(const T* __restrict__ k, const T* __restrict__ v, float* __restrict__ states,
              const LinearAttentionShape s) {
  constexpr int kState = (kDim + 1) * kDim;
  constexpr uint32_t kOnes = std::is_same_v<T, __half> ? 0x3C003C00U : 0x3F803F80U;
  __shared__ alignas(16) float partial[kWarps][kState];
  // Heads vary fastest: blocks that run together read whole rows of channels.
  const int head = static_cast<int>(blockIdx.x % s.heads);
  const int chunk = static_cast<int>(blockIdx.x / s.heads % s.chunks);
  const int64_t sample = blockIdx.x / s.heads / s.chunks;
  const int warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp, g = lane / 4, t = lane % 4;
  const int64_t first = chunk * s.chunk_tokens, last = min(first + s.chunk_tokens, s.tokens);
  const int64_t base = sample * s.in_sample + head * s.in_head + 4 * g;

  float state[2][4][4] = {}, key_sum[2][4] = {};
#pragma unroll 2
  for (int64_t tile = first + warp * kTile; tile < last; tile += kWarps * kTile) {
    uint2 key[4], value[4];
#pragma unroll
    for (int u = 0; u < 4; ++u) {
      const int64_t token = tile + 4 * t + u;
      key[u] = value[u] = make_uint2(0, 0);
      if (token < last) {
        key[u] = __ldg(reinterpret_cast<const uint2*>(k + base + token * s.in_token));
        value[u] = __ldg(reinterpret_cast<const uint2*>(v + base + token * s.in_token));
      }
    }
#pragma unroll
    for (int u = 0; u < 4; ++u) key[u] = make_uint2(relu_pair<T>(key[u].x), relu_pair<T>(key[u].y));
    // Registers of the products pair two tokens of one channel: 0x5410 takes the lower halves, 0x7632 the upper ones.
    const uint32_t a[2][4] = {{__byte_perm(key[0].x, key[1].x, 0x5410), __byte_perm(key[0].x, key[1].x, 0x7632),
                               __byte_perm(key[2].x, key[3].x, 0x5410), __byte_perm(key[2].x, key[3].x, 0x7632)},
                              {__byte_perm(key[0].y, key[1].y, 0x5410), __byte_perm(key[0].y, key[1].y, 0x7632),
                               __byte_perm(key[2].y, key[3].y, 0x5410), __byte_perm(key[2].y, key[3].y, 0x7632)}};
    const uint32_t b[4][2] = {
        {__byte_perm(value[0].x, value[1].x, 0x5410), __byte_perm(value[2].x, value[3].x, 0x5410)},
        {__byte_perm(value[0].x, value[1].x, 0x7632), __byte_perm(value[2].x, value[3].x, 0x7632)},
        {__byte_perm(value[0].y, value[1].y, 0x5410), __byte_perm(value[2].y, value[3].y, 0x5410)},
        {__byte_perm(value[0].y, value[1].y, 0x7632), __byte_perm(value[2].y, value[3].y, 0x7632)}};
#pragma unroll
    for (int m = 0; m < 2; ++m) {
#pragma unroll
      for (int n = 0; n < 4; ++n) multiply_16<T>(state[m][n], a[m], b[n][0], b[n][1]);
      multiply_16<T>(key_sum[m], a[m], kOnes, kOnes);
    }
  }

  // Columns 2t and 2t + 1 of product n are channels 8t + n and 8t + 4 + n: two groups of four. The groups of a row are
  // swapped in every other four rows, so that the eight threads of one access meet all banks.
  const auto place = [](int i, int j) { return i * kDim + (j ^ i / 4 % 2 * 4); };
#pragma unroll
  for (int m = 0; m < 2; ++m) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int i = 4 * g + 2 * m + half;
#pragma unroll
      for (int column = 0; column < 2; ++column) {
        const int at = 2 * half + column;
        *reinterpret_cast<float4*>(&partial[warp][place(i, 8 * t + 4 * column)]) =
            make_float4(state[m][0][at], state[m][1][at], state[m][2][at], state[m][3][at]);
      }
      if (t == 0) partial[warp][kDim * kDim + i] = key_sum[m][2 * half];
    }
  }
  __syncthreads();
  float* to = states + ((sample * s.heads + head) * s.chunks + chunk) * kState;
  for (int i = threadIdx.x; i < kState; i += kWarps * kWarp) {
    const int at = i < kDim * kDim ? place(i / kDim, i % kDim) : i;
    float sum = partial[0][at];
#pragma unroll
    for (int w = 1; w < kWarps; ++w) sum += partial[w][at];
    to[i] = sum;
  }
}

// The largest power of two that keeps the state's numbers within f16, whose range they would leave: quotients do not
// change with the unit of numerator and denominator. bf16 has f32's range.
template <typename T>
__device__ __forceinline__ float unit_of(const float* state, int size, float* shared) {
  if constexpr (!std::is_same_v<T, __half>) return 1.0F;
  float top = 0;
  for (int i = threadIdx.x; i < size; i += kWarps * kWarp) top = fmaxf(top, fabsf(state[i]));
#pragma unroll
  for (int offset = kWarp / 2; offset > 0; offset /= 2) top = fmaxf(top, __shfl_xor_sync(0xFFFFFFFFU, top, offset));
  if (threadIdx.x % kWarp == 0) shared[threadIdx.x / kWarp] = top;
  __syncthreads();
  for (int warp = 0; warp < kWarps; ++warp) top = fmaxf(top, shared[warp]);
  if (top == 0.0F || isinf(top)) return 1.0F;
  return ldexpf(1.0F, min(max(13 - ilogbf(top), -100), 100));  // the top is then below 2^14
}

// Two numbers as the sums of a 16-bit number and a 16-bit rest: 16 bits of each are kept with bf16, 22 with f16.
template <typename T>
__device__ __forceinline__ void split_pair(float a, float b, uint32_t& high, uint32_t& rest) {
  high = pair_of<T>(a, b);
  const float2 kept = floats_of<T>(high);
  rest = pair_of<T>(a - kept.x, b - kept.y);
}

// y = relu(q) state / (relu(q) . key sum + eps) for a chunk of tokens. The state stays in registers, as sums of two
// numbers of T, so that its rounding is far below that of y. Thread (g, t) reads channels 8t to 8t + 7 of tokens g and
// g + 8: product f has channels 8t + 4f to 8t + 4f + 3 in its rows 2t, 2t + 1, 2t + 8, 2t + 9, and column c of product
// n is channel 8 (c / 2) + 2n + c % 2, which gives the thread the same channels of y.
template <typename T>
__global__ void __launch_bounds__(kWarps* kWarp, kBlocksPerMultiprocessor)
    apply_32(const T* __restrict__ q, const float* __restrict__ states, T* __restrict__ y,
             const LinearAttentionShape s) {
  constexpr int kState = (kDim + 1) * kDim;
  __shared__ float state[kState], shared[kWarps];
  const int head = static_cast<int>(blockIdx.x % s.heads);
  const int chunk = static_cast<int>(blockIdx.x / s.heads % s.chunks);
  const int64_t sample = blockIdx.x / s.heads / s.chunks;
  const int warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp, g = lane / 4, t = lane % 4;

  // Columns are swapped within groups of eight such that the reads below meet no bank twice.
  const auto place = [](int i, int j) { return i * kDim + (j ^ i / 8 * 2); };
  const float* from = states + (sample * s.heads + head) * s.chunks * kState;
  for (int i = threadIdx.x; i < kState; i += kWarps * kWarp) {
    float sum = from[i];
    for (int c = 1; c < s.chunks; ++c) sum += from[c * kState + i];
    state[i < kDim * kDim ? place(i / kDim, i % kDim) : i] = sum;
  }
  __syncthreads();
  const float unit = unit_of<T>(state, kState, shared), eps = s.eps * unit;

  constexpr int kProducts = 5;  // of 8 columns each; the last has the key sums in all of them
  uint32_t high[2][kProducts][2], rest[2][kProducts][2];
#pragma unroll
  for (int f = 0; f < 2; ++f) {
#pragma unroll
    for (int n = 0; n < kProducts; ++n) {
#pragma unroll
      for (int pair = 0; pair < 2; ++pair) {
        const int i = 8 * t + 4 * f + 2 * pair, j = 8 * (g / 2) + 2 * n + g % 2;
        const float a = state[n < 4 ? place(i, j) : kDim * kDim + i] * unit;
        const float b = state[n < 4 ? place(i + 1, j) : kDim * kDim + i + 1] * unit;
        split_pair<T>(a, b, high[f][n][pair], rest[f][n][pair]);
      }
    }
  }

  const int64_t first = chunk * s.chunk_tokens, last = min(first + s.chunk_tokens, s.tokens);
  const int64_t in = sample * s.in_sample + head * s.in_head + 8 * t;
  const int64_t out = sample * s.out_sample + head * s.out_head + 8 * t;
  const auto query = [&](int64_t token) {
    return token < last ? __ldg(reinterpret_cast<const uint4*>(q + in + token * s.in_token)) : make_uint4(0, 0, 0, 0);
  };
  int64_t tile = first + warp * kTile;
  uint4 next[2] = {query(tile + g), query(tile + g + 8)};  // read while the tile before is computed
  for (; tile < last; tile += kWarps * kTile) {
    const uint4 upper = next[0], lower = next[1];
    next[0] = query(tile + kWarps * kTile + g);
    next[1] = query(tile + kWarps * kTile + g + 8);
    const uint32_t a[2][4] = {
        {relu_pair<T>(upper.x), relu_pair<T>(lower.x), relu_pair<T>(upper.y), relu_pair<T>(lower.y)},
        {relu_pair<T>(upper.z), relu_pair<T>(lower.z), relu_pair<T>(upper.w), relu_pair<T>(lower.w)}};
    float sums[kProducts][4] = {};
#pragma unroll
    for (int f = 0; f < 2; ++f) {
#pragma unroll
      for (int n = 0; n < kProducts; ++n) {
        multiply_16<T>(sums[n], a[f], rest[f][n][0], rest[f][n][1]);
        multiply_16<T>(sums[n], a[f], high[f][n][0], high[f][n][1]);
      }
    }
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const float inverse = 1.0F / (sums[4][2 * half] + eps);
      uint4 result;
      result.x = pair_of<T>(sums[0][2 * half] * inverse, sums[0][2 * half + 1] * inverse);
      result.y = pair_of<T>(sums[1][2 * half] * inverse, sums[1][2 * half + 1] * inverse);
      result.z = pair_of<T>(sums[2][2 * half] * inverse, sums[2][2 * half + 1] * inverse);
      result.w = pair_of<T>(sums[3][2 * half] * inverse, sums[3][2 * half + 1] * inverse);
      const int64_t token = tile + g + 8 * half;
      if (token < last) *reinterpret_cast<uint4*>(y + out + token * s.out_token) = result;
    }
  }
}

// Any head, any dtype: 16 x 16 numbers of a state a block, one a thread.
constexpr int kSide = 16;
constexpr int kRun =
    32;  // tokens in shared memory; their sums are made before they join the total, which keeps it exact

template <typename T>
__global__ void __launch_bounds__(kSide* kSide) states_any(const T* __restrict__ k, const T* __restrict__ v,
                                                           float* __restrict__ states, const LinearAttentionShape s) {
  __shared__ float keys[kRun][kSide + 1], values[kRun][kSide + 1];
  const int columns = s.dim / kSide + 1, rows = (s.dim + kSide - 1) / kSide;  // column `dim` holds the key sums
  int64_t rest = blockIdx.x;
  const int column = static_cast<int>(rest % columns) * kSide, row = static_cast<int>(rest / columns % rows) * kSide;
  rest /= static_cast<int64_t>(columns) * rows;
  const int head = static_cast<int>(rest % s.heads), chunk = static_cast<int>(rest / s.heads % s.chunks);
  const int64_t sample = rest / s.heads / s.chunks;
  const int x = threadIdx.x % kSide, y = threadIdx.x / kSide;
  const int64_t base = sample * s.in_sample + head * s.in_head;
  const int64_t first = chunk * s.chunk_tokens, last = min(first + s.chunk_tokens, s.tokens);

  float total = 0;
  for (int64_t run = first; run < last; run += kRun) {
    for (int n = y; n < kRun; n += kSide) {
      const int64_t token = run + n;
      float key = 0, value = 0;
      if (token < last) {
        if (row + x < s.dim) key = to_float(k[base + token * s.in_token + row + x]);
        if (column + x < s.dim) value = to_float(v[base + token * s.in_token + column + x]);
        if (column + x == s.dim) value = 1;
      }
      keys[n][x] = key < 0 ? 0 : key;  // keeps NaN
      values[n][x] = value;
    }
    __syncthreads();
    float sum = 0;
    for (int n = 0; n < kRun; ++n) sum += keys[n][y] * values[n][x];
    total += sum;
    __syncthreads();
  }
  const int i = row + y, j = column + x;
  float* to = states + ((sample * s.heads + head) * s.chunks + chunk) * s.state_size();
  if (i < s.dim && j < s.dim) to[i * s.dim + j] = total;
  if (i < s.dim && j == s.dim) to[s.dim * s.dim + i] = total;
}

// 16 tokens by 16 channels of y a block.
template <typename T>
__global__ void __launch_bounds__(kSide* kSide) apply_any(const T* __restrict__ q, const float* __restrict__ states,
                                                          T* __restrict__ y, const LinearAttentionShape s) {
  __shared__ float queries[kSide][kSide + 1], state[kSide][kSide + 1], key_sum[kSide];
  const int columns = (s.dim + kSide - 1) / kSide;
  const int64_t tiles = (s.tokens + kSide - 1) / kSide;
  int64_t rest = blockIdx.x;
  const int column = static_cast<int>(rest % columns) * kSide;
  rest /= columns;
  const int head = static_cast<int>(rest % s.heads);
  const int64_t token_0 = rest / s.heads % tiles * kSide, sample = rest / s.heads / tiles;
  const int x = threadIdx.x % kSide, row = threadIdx.x / kSide;
  const int64_t token = token_0 + row;
  const T* from = q + sample * s.in_sample + head * s.in_head + token * s.in_token;
  const float* partial = states + (sample * s.heads + head) * s.chunks * s.state_size();
  const auto sum_of = [&](int at) {
    float sum = partial[at];
    for (int c = 1; c < s.chunks; ++c) sum += partial[static_cast<int64_t>(c) * s.state_size() + at];
    return sum;
  };

  float numerator = 0, denominator = s.eps;
  for (int i0 = 0; i0 < s.dim; i0 += kSide) {
    const float query = token < s.tokens && i0 + x < s.dim ? to_float(from[i0 + x]) : 0;
    queries[row][x] = query < 0 ? 0 : query;  // keeps NaN
    state[row][x] = i0 + row < s.dim && column + x < s.dim ? sum_of((i0 + row) * s.dim + column + x) : 0;
    if (row == 0) key_sum[x] = i0 + x < s.dim ? sum_of(s.dim * s.dim + i0 + x) : 0;
    __syncthreads();
#pragma unroll
    for (int i = 0; i < kSide; ++i) {
      numerator += queries[row][i] * state[i][x];
      denominator += queries[row][i] * key_sum[i];
    }
    __syncthreads();
  }
  if (token < s.tokens && column + x < s.dim)
    y[sample * s.out_sample + head * s.out_head + token * s.out_token + column + x] =
        from_float<T>(numerator / denominator);
}

template <typename T>
void launch(const T* q, const T* k, const T* v, T* y, float* states, int64_t batch, const LinearAttentionShape& s) {
  const int64_t parts = batch * s.heads * s.chunks;
  const auto aligned = [](const void* p) { return reinterpret_cast<uintptr_t>(p) % 16 == 0; };
  if constexpr (!std::is_same_v<T, float>) {
    if (s.dim == kDim && aligned(q) && aligned(k) && aligned(v) && aligned(y)) {  // pitches are multiples of 32 then
      states_32<T><<<static_cast<unsigned>(parts), kWarps * kWarp, 0, stream()>>>(k, v, states, s);
      check_launch("states_32");
      apply_32<T><<<static_cast<unsigned>(parts), kWarps * kWarp, 0, stream()>>>(q, states, y, s);
      check_launch("apply_32");
      return;
    }
  }
  const int64_t across = (s.dim + kSide - 1) / kSide, tiles = (s.tokens + kSide - 1) / kSide;
  const int64_t blocks = parts * across * (s.dim / kSide + 1);
  states_any<T><<<static_cast<unsigned>(blocks), kSide * kSide, 0, stream()>>>(k, v, states, s);
  check_launch("states_any");
  apply_any<T>
      <<<static_cast<unsigned>(batch * s.heads * tiles * across), kSide * kSide, 0, stream()>>>(q, states, y, s);
  check_launch("apply_any");
}

// Chunks: enough to fill the card once.
void set_chunks(LinearAttentionShape& s, int64_t batch) {
  const int64_t blocks = int64_t{kBlocksPerMultiprocessor} * current().multiprocessors();
  constexpr int64_t kFewest = kWarps * kTile;  // tokens that give each warp of a block some
  const int64_t wanted = std::clamp<int64_t>(blocks / (batch * s.heads), 1,
                                             std::min<int64_t>(kMostChunks, (s.tokens + kFewest - 1) / kFewest));
  const int64_t tokens = (s.tokens + wanted - 1) / wanted;
  s.chunk_tokens = (tokens + kFewest - 1) / kFewest * kFewest;
  s.chunks = static_cast<int>((s.tokens + s.chunk_tokens - 1) / s.chunk_tokens);
}

void run(const Tensor& q, const Tensor& k, const Tensor& v, int64_t k_offset, int64_t v_offset, Tensor& y,
         int64_t batch, LinearAttentionShape s) {
  set_chunks(s, batch);
  Tensor states = empty({batch * s.heads, s.chunks, s.state_size()}, DType::kF32);
  dispatch_floating(q.dtype(), [&]<typename T>() {
    launch(static_cast<const T*>(q.raw()), static_cast<const T*>(k.raw()) + k_offset,
           static_cast<const T*>(v.raw()) + v_offset, static_cast<T*>(y.raw_mut()),
           static_cast<float*>(states.raw_mut()), batch, s);
  });
}
}  // namespace

Tensor relu_linear_attention(const Tensor& given, const Tensor& keys, const Tensor& values, int64_t heads, float eps) {
  const Tensor q = on_device(given);
  const Tensor k = on_device(keys, q.dtype()), v = on_device(values, q.dtype());
  Tensor y = empty(q.shape(), q.dtype());
  if (y.numel() == 0) return y;
  const int64_t tokens = q.dim(1), channels = q.dim(2), dim = channels / heads;
  run(q, k, v, 0, 0, y, q.dim(0),
      {.tokens = tokens,
       .heads = static_cast<int>(heads),
       .dim = static_cast<int>(dim),
       .in_sample = tokens * channels,
       .in_token = channels,
       .in_head = dim,
       .out_sample = tokens * channels,
       .out_token = channels,
       .out_head = dim,
       .eps = eps});
  return y;
}

Tensor relu_linear_attention_packed(const Tensor& given, int64_t dim, float eps) {
  const Tensor qkv = on_device(given);
  const int64_t tokens = qkv.dim(1), channels = qkv.dim(2), groups = channels / (3 * dim);
  Tensor y = empty({qkv.dim(0), tokens, groups * dim}, qkv.dtype());
  if (y.numel() == 0) return y;
  run(qkv, qkv, qkv, dim, 2 * dim, y, qkv.dim(0),
      {.tokens = tokens,
       .heads = static_cast<int>(groups),
       .dim = static_cast<int>(dim),
       .in_sample = tokens * channels,
       .in_token = channels,
       .in_head = 3 * dim,
       .out_sample = tokens * groups * dim,
       .out_token = groups * dim,
       .out_head = dim,
       .eps = eps});
  return y;
}

}  // namespace swan::backends::cuda
