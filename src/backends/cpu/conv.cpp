#include "ops/conv.h"

#include <algorithm>
#include <map>

#include "core/error.h"
#include "core/parallel.h"
#include "cpu/entries.h"
#include "cpu/isa.h"
#include "cpu/kernels/depthwise.h"
#include "cpu/kernels/elementwise.h"
#include "cpu/onednn.h"

namespace swan::backends {

namespace {

using Md = dnnl::memory::desc;
using Tag = dnnl::memory::format_tag;
constexpr auto kF32 = dnnl::memory::data_type::f32;

// A band of output rows: what oneDNN computes in one call. Bands at the top and bottom edge have padding there, the
// ones between have none; otherwise they are alike, so a convolution needs at most a few primitives.
struct Band {
  int64_t in_rows, out_rows, in_width, out_width, pad_top, pad_bottom, pad_right;
  auto operator<=>(const Band&) const = default;
};

struct Primitive {
  Md source, target, scratchpad;
  dnnl::convolution_forward convolution;
};

// A convolution's weights in oneDNN's layout, and its primitives.
struct PackedConv final : ops::Prepacked {
  dnnl::memory weights, bias;
  bool has_bias = false;
  std::map<Band, Primitive> primitives;
};

dnnl::convolution_forward::primitive_desc describe(const ops::ConvWeight& w, const Band& band, const Md& source,
                                                   const Md& weights, const Md& bias, const Md& target, bool has_bias) {
  const dnnl::memory::dims strides = {w.stride, w.stride};
  const dnnl::memory::dims before = {band.pad_top, w.padding};
  const dnnl::memory::dims after = {band.pad_bottom, band.pad_right};
  constexpr auto kKind = dnnl::prop_kind::forward_inference;
  constexpr auto kDirect = dnnl::algorithm::convolution_direct;
#if DNNL_VERSION_MAJOR >= 3
  if (has_bias)
    return {onednn_engine(),    kKind, kDirect, source, weights, bias, target, strides, before, after,
            onednn_attributes()};
  return {onednn_engine(), kKind, kDirect, source, weights, target, strides, before, after, onednn_attributes()};
#else
  const dnnl::convolution_forward::desc desc =
      has_bias ? dnnl::convolution_forward::desc(kKind, kDirect, source, weights, bias, target, strides, before, after)
               : dnnl::convolution_forward::desc(kKind, kDirect, source, weights, target, strides, before, after);
  return {desc, onednn_attributes(), onednn_engine()};
#endif
}

dnnl::memory::dims weight_dims(const ops::ConvWeight& w) {
  const int64_t k = w.kernel();
  if (w.groups == 1) return {w.out_channels(), w.in_channels(), k, k};
  return {w.groups, w.out_channels() / w.groups, w.in_channels() / w.groups, k, k};
}

Primitive make_primitive(const ops::ConvWeight& w, const Band& band, const Md& weights, const Md& bias, bool has_bias,
                         Md* chosen_weights) {
  Primitive p;
  p.source = Md({1, w.in_channels(), band.in_rows, band.in_width}, kF32, Tag::nhwc);
  p.target = Md({1, w.out_channels(), band.out_rows, band.out_width}, kF32, Tag::nhwc);
  const auto pd = describe(w, band, p.source, weights, bias, p.target, has_bias);
  p.scratchpad = pd.scratchpad_desc();
  if (chosen_weights != nullptr) *chosen_weights = pd.weights_desc();
  p.convolution = dnnl::convolution_forward(pd);
  return p;
}

std::shared_ptr<PackedConv> prepack(const ops::ConvWeight& w, const Band& band) {
  auto packed = std::make_shared<PackedConv>();
  packed->has_bias = w.bias.defined();
  const Md bias_md({w.out_channels()}, kF32, Tag::x);
  const bool grouped = w.groups > 1;
  const Md any(weight_dims(w), kF32, Tag::any);
  Md chosen;
  packed->primitives.emplace(band, make_primitive(w, band, any, bias_md, packed->has_bias, &chosen));

  Tensor plain = w.weight.to(DType::kF32);
  const Md plain_md(weight_dims(w), kF32, grouped ? Tag::goihw : Tag::oihw);
  dnnl::memory source(plain_md, onednn_engine(), plain.raw_mut());
  packed->weights = dnnl::memory(chosen, onednn_engine());
  dnnl::stream stream(onednn_engine());
  dnnl::reorder(source, packed->weights).execute(stream, source, packed->weights);
  stream.wait();
  w.weight.drop_pages();

  if (packed->has_bias) {
    packed->bias = dnnl::memory(bias_md, onednn_engine());
    const auto* bias = w.bias.data<float>();
    std::copy(bias, bias + w.out_channels(), static_cast<float*>(packed->bias.get_data_handle()));
  }
  return packed;
}

}  // namespace

Tensor conv2d(const Tensor& x, const ops::ConvWeight& w, ops::Activation activation) {
  select_isa();
  const int64_t batch = x.dim(0), height = x.dim(1), width = x.dim(2), channels = x.dim(3);
  const int64_t out_height = w.out_extent(height), out_width = w.out_extent(width), out_channels = w.out_channels();
  Tensor out = Tensor::empty({batch, out_height, out_width, out_channels}, DType::kF32);
  if (out.numel() == 0) return out;

  // Bands of about a megabyte of input and output: enough of them to share, small enough to stay in cache.
  const int64_t row_floats = out_width * out_channels + w.stride * width * channels;
  const int64_t band_rows =
      std::clamp<int64_t>((int64_t{1} << 18) / row_floats, 1, std::max<int64_t>(1, out_height / 4));
  const int64_t bands = (out_height + band_rows - 1) / band_rows;
  const auto first_row = [&](int64_t out_row) { return out_row * w.stride - w.padding; };
  const auto band_of = [&](int64_t r0, int64_t r1) {
    const int64_t begin = first_row(r0), end = first_row(r1 - 1) + w.kernel();
    return Band{.in_rows = std::min(end, height) - std::max<int64_t>(begin, 0),
                .out_rows = r1 - r0,
                .in_width = width,
                .out_width = out_width,
                .pad_top = std::max<int64_t>(-begin, 0),
                .pad_bottom = std::max<int64_t>(end - height, 0),
                .pad_right = (out_width - 1) * w.stride + w.kernel() - width - w.padding};
  };

  try {
    const SingleThreadedScope single;
    // Primitives are made before the threads start, which then only look them up.
    for (int64_t i = 0; i < bands; ++i) {
      const Band band = band_of(i * band_rows, std::min(out_height, (i + 1) * band_rows));
      if (dynamic_cast<PackedConv*>(w.prepacked.get()) == nullptr) w.prepacked = prepack(w, band);
      auto& packed = *static_cast<PackedConv*>(w.prepacked.get());
      if (!packed.primitives.contains(band))
        packed.primitives.emplace(
            band, make_primitive(w, band, packed.weights.get_desc(), packed.bias ? packed.bias.get_desc() : Md(),
                                 packed.has_bias, nullptr));
    }
  } catch (const dnnl::error& e) {
    fail(ErrorCode::kInternal, "oneDNN could not prepare a convolution of {} with {}: {}.", x.shape(), w.weight.shape(),
         e.what());
  }

  const auto& packed = *static_cast<const PackedConv*>(w.prepacked.get());
  const auto* px = x.data<float>();
  auto* py = out.data_mut<float>();
  parallel_for(batch * bands, [&](int64_t task) {
    const SingleThreadedScope single;
    const int64_t b = task / bands;
    const int64_t r0 = task % bands * band_rows;
    const int64_t r1 = std::min(out_height, r0 + band_rows);
    const Primitive& p = packed.primitives.at(band_of(r0, r1));
    const float* source = px + (b * height + std::max<int64_t>(first_row(r0), 0)) * width * channels;
    float* target = py + (b * out_height + r0) * out_width * out_channels;
    std::unordered_map<int, dnnl::memory> arguments = {
        {DNNL_ARG_SRC, dnnl::memory(p.source, onednn_engine(), const_cast<float*>(source))},
        {DNNL_ARG_WEIGHTS, packed.weights},
        {DNNL_ARG_DST, dnnl::memory(p.target, onednn_engine(), target)}};
    if (packed.has_bias) arguments.emplace(DNNL_ARG_BIAS, packed.bias);
    try {
      onednn_run(p.convolution, p.scratchpad, std::move(arguments));
    } catch (const dnnl::error& e) {
      fail(ErrorCode::kInternal, "oneDNN could not convolve {} with {}: {}.", x.shape(), w.weight.shape(), e.what());
    }
    if (activation != ops::Activation::kNone)
      kernels::activate(target, target, (r1 - r0) * out_width * out_channels, activation);
  });
  return out;
}

namespace {
// [2C, taps] to [taps, 2C], so that a vector of channels has its weights side by side.
struct PackedDepthwise final : ops::Prepacked {
  explicit PackedDepthwise(const ops::ConvWeight& w) {
    const int64_t channels = w.out_channels(), taps = w.kernel() * w.kernel();
    const Tensor plain = w.weight.to(DType::kF32);
    weights = Tensor::empty({taps, channels}, DType::kF32);
    const auto* from = plain.data<float>();
    auto* to = weights.data_mut<float>();
    for (int64_t c = 0; c < channels; ++c)
      for (int64_t t = 0; t < taps; ++t) to[t * channels + c] = from[c * taps + t];
  }
  Tensor weights;
};
}  // namespace

Tensor depthwise_conv_glu(const Tensor& x, const ops::ConvWeight& w) {
  const int64_t batch = x.dim(0), height = x.dim(1), width = x.dim(2), channels = x.dim(3);
  if (dynamic_cast<PackedDepthwise*>(w.prepacked.get()) == nullptr) w.prepacked = std::make_shared<PackedDepthwise>(w);
  const Tensor& packed = static_cast<const PackedDepthwise*>(w.prepacked.get())->weights;
  Tensor out = Tensor::empty({batch, height, width, channels / 2}, DType::kF32);
  const auto* px = x.data<float>();
  const float* bias = w.bias.defined() ? w.bias.data<float>() : nullptr;
  auto* py = out.data_mut<float>();
  parallel_for(batch * height, [&](int64_t task) {
    const int64_t b = task / height, row = task % height;
    kernels::depthwise_glu_row(
        px + b * height * width * channels, packed.data<float>(), bias, py + task * width * (channels / 2),
        {.height = height, .width = width, .channels = channels / 2, .kernel = w.kernel(), .row = row});
  });
  return out;
}

}  // namespace swan::backends
