#include <algorithm>
#include <cstdlib>
#include <map>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "cuda/conv_kernels.h"
#include "cuda/cudnn.h"
#include "cuda/entries.h"

namespace swan::backends::cuda {

namespace {

// How a convolution is computed.
enum class Way {
  kDepthwise,         // own kernel: cuDNN's are slow with channels last
  kGroupedPointwise,  // own kernel on tensor cores, for the same reason
  kCudnn,
  kDirect,  // own kernel for all that is left
};

// What a pack of weights was made for.
struct PackKey {
  bool depthwise = false;
  int phase = -1;           // of a doubled picture; see ConvCall
  uint32_t frames = 1;      // of the kernel, those that a picture stands under, by bits
  int64_t out = 0, in = 0;  // channels, with padding
  auto operator<=>(const PackKey&) const = default;
};

// A convolution's parameters on the device. A clip's first frames stand under some frames of the kernel only, so there
// are a few packs of weights.
struct PackedConv final : ops::Prepacked {
  Device* device = nullptr;
  DType dtype = DType::kF32;
  std::map<PackKey, DeviceCopy> weights;
  std::map<int64_t, Tensor> biases;  // by their length, with padding
};

PackedConv& packed_for(const ops::ConvWeight& w, DType dtype) {
  auto* packed = dynamic_cast<PackedConv*>(w.prepacked.get());
  if (packed == nullptr || packed->device != &current() || packed->dtype != dtype) {
    auto fresh = std::make_shared<PackedConv>();
    fresh->device = &current();
    fresh->dtype = dtype;
    packed = fresh.get();
    w.prepacked = std::move(fresh);
  }
  return *packed;
}

Tensor packed_weight(PackedConv& packed, const ops::ConvWeight& w, const PackKey& pack) {
  DeviceCopy& kept = packed.weights[pack];
  Tensor weight = kept.get();
  if (!weight.defined()) {
    refuse_recording();
    const DeviceCopies::Making making;
    if (pack.depthwise) {
      weight = pack_depthwise_weights(w.weight);
    } else if (pack.phase >= 0) {
      weight = pack_phase_weights(w.weight, pack.phase, packed.dtype);
    } else {
      weight = pack_weights(w.weight, pack.frames, pack.out, pack.in, packed.dtype);
    }
    kept.set(weight);
    w.weight.drop_copy();
    w.weight.drop_pages();
  }
  return weight;
}

Tensor packed_bias(PackedConv& packed, const ops::ConvWeight& w, int64_t length) {
  if (!w.bias.defined()) return {};
  Tensor& bias = packed.biases[length];
  if (!bias.defined()) {
    refuse_recording();
    const Tensor plain = on_device(w.bias, DType::kF32);
    bias = join_channels(std::span(&plain, 1), length);
  }
  return bias;
}

constexpr int64_t kCudnnChannels = 8;  // its kernels for 16 bits want multiples of that
// Below so many products the direct kernel is quick enough, and saves the time to build a plan.
constexpr int64_t kDirectProducts = 30'000'000, kDirectProductsF32 = 1'000'000'000;
constexpr int64_t kCudnnElements = INT32_MAX;  // of a tensor: its kernels' offsets have 32 bits

// SWAN_CUDA_CONV=direct: never cuDNN; cudnn: always where it can be. For tests and measurements.
std::string_view wanted() {
  static const char* const value = std::getenv("SWAN_CUDA_CONV");
  return value == nullptr ? std::string_view() : std::string_view(value);
}

Way choose(const ops::ConvWeight& w, const ConvCall& call, int64_t outputs) {
  if (w.groups > 1) {
    if (w.groups == w.in_channels() && w.groups == w.out_channels()) return Way::kDepthwise;
    return w.kernel() == 1 && grouped_pointwise_suits(call) ? Way::kGroupedPointwise : Way::kDirect;
  }
  if (wanted() == "direct") return Way::kDirect;
  if (wanted() == "cudnn") return Way::kCudnn;
  const int64_t products = outputs * call.x.dim(3) * call.kernel * call.kernel;
  return products < (call.x.dtype() == DType::kF32 ? kDirectProductsF32 : kDirectProducts) ? Way::kDirect : Way::kCudnn;
}

int64_t padded(int64_t channels) { return (channels + kCudnnChannels - 1) / kCudnnChannels * kCudnnChannels; }

// By cuDNN, or, where it has no plan, by the direct kernel. Large batches go sample by sample.
void dense_conv(const ConvCall& call, Tensor& y) {
  const bool large = std::max(call.x.numel(), y.numel()) > kCudnnElements;
  if (large && y.dim(0) > 1) {
    for (int64_t b = 0; b < y.dim(0); ++b) {
      ConvCall one = call;
      one.x = call.x.slice(b, b + 1);
      Tensor part = y.slice(b, b + 1);
      dense_conv(one, part);
    }
    return;
  }
  if (large || !current().cudnn().convolution(call, y)) direct_conv(call, y);
}

// Whether a picture may be convolved without being doubled first: 4 products where the plain way takes 9. In f32 the
// other order of the sums would show.
bool phases_suit(const ops::ConvWeight& w, DType dtype) {
  static const char* const value = std::getenv("SWAN_CUDA_UPSAMPLE");  // plain: never
  if (value != nullptr && std::string_view(value) == "plain") return false;
  return w.upsample && dtype != DType::kF32 && w.kernel() == 3 && w.frames() == 1 && w.stride == 1 && w.padding == 1 &&
         w.trailing_padding == 0 && w.groups == 1 && w.in_channels() % kCudnnChannels == 0 &&
         w.out_channels() % kCudnnChannels == 0;
}

// Each quarter is a tensor of its own: kernels of cuDNN write one between the others' rows as if they lay side by side.
// @param y  [B, 2 H, 2 W, O], set on success
// @return   false when cuDNN has no plan
bool phased_conv(PackedConv& packed, const ops::ConvWeight& w, ConvCall call, Tensor& y) {
  const Shape shape = {4, call.x.dim(0), call.x.dim(1), call.x.dim(2), w.out_channels()};
  if (std::max(call.x.numel(), shape.numel()) > kCudnnElements) return false;
  call.kernel = 2;
  Tensor quarters = empty(shape, call.x.dtype());
  for (call.phase = 0; call.phase < 4; ++call.phase) {
    call.weight = packed_weight(packed, w, {.phase = call.phase, .out = w.out_channels(), .in = call.x.dim(3)});
    Tensor quarter = quarters.slice(call.phase, call.phase + 1).reshape({shape[1], shape[2], shape[3], shape[4]});
    if (!current().cudnn().convolution(call, quarter)) return false;
  }
  y = join_phases(quarters);
  return true;
}

}  // namespace

Tensor conv(std::span<const Tensor> frames, const ops::ConvWeight& w, ops::Activation activation) {
  SWAN_ASSERT(frames.size() <= 32);
  const Tensor like = ops::first_frame(frames);
  const DType dtype = like.dtype();
  const Shape out_shape = {like.dim(0), w.out_extent(like.dim(1)), w.out_extent(like.dim(2)), w.out_channels()};
  if (out_shape.numel() == 0) return empty(out_shape, dtype);

  std::vector<Tensor> pictures;
  uint32_t present = 0;
  for (size_t t = 0; t < frames.size(); ++t) {
    if (!frames[t].defined()) continue;
    pictures.push_back(on_device(frames[t], dtype));
    present |= uint32_t{1} << t;
  }

  PackedConv& packed = packed_for(w, dtype);
  const int64_t channels = w.in_channels(), parts = static_cast<int64_t>(pictures.size());
  ConvCall call = {.x = pictures.front(),
                   .kernel = w.kernel(),
                   .stride = w.stride,
                   .padding = w.padding,
                   .trailing_padding = w.trailing_padding,
                   .groups = w.groups,
                   .activation = activation};
  call.weight = w.weight;  // its shape, which the choice asks for
  const Way way = choose(w, call, out_shape.numel() * parts);
  if (way == Way::kCudnn && phases_suit(w, dtype)) {
    call.bias = packed_bias(packed, w, w.out_channels());
    Tensor y;
    if (phased_conv(packed, w, call, y)) return y;
  }
  if (w.upsample)
    for (Tensor& picture : pictures) picture = upsample_nearest(picture, 2);

  const bool pads = way == Way::kCudnn && dtype != DType::kF32;
  const int64_t in = pads ? padded(parts * channels) : parts * channels;
  const int64_t out = pads ? padded(w.out_channels()) : w.out_channels();
  call.x = parts > 1 || in != channels ? join_channels(pictures, in) : pictures.front();
  pictures.clear();
  const bool depthwise = way == Way::kDepthwise;
  call.weight = packed_weight(
      packed, w, {.depthwise = depthwise, .frames = present, .out = out, .in = w.groups > 1 ? w.weight.dim(1) : in});
  call.bias = packed_bias(packed, w, out);

  Tensor y = empty({out_shape[0], out_shape[1], out_shape[2], out}, dtype);
  switch (way) {
    case Way::kDepthwise:
      depthwise_conv(call, y);
      break;
    case Way::kGroupedPointwise:
      grouped_pointwise_conv(call, y);
      break;
    case Way::kCudnn:
      dense_conv(call, y);
      break;
    case Way::kDirect:
      direct_conv(call, y);
      break;
  }
  return out == w.out_channels() ? y : slice_channels(y, 0, w.out_channels());
}

}  // namespace swan::backends::cuda
