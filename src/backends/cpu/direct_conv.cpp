#include <algorithm>
#include <map>
#include <vector>

#include "core/error.h"
#include "core/parallel.h"
#include "cpu/conv.h"
#include "cpu/entries.h"
#include "cpu/isa.h"
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

// A convolution's weights in oneDNN's layout, one part for each frame of its kernel, and its primitives: one that
// starts a sum, with the bias, and one that adds to it what further frames give.
struct PackedConv final : ops::Prepacked {
  std::vector<dnnl::memory> weights;
  dnnl::memory bias;
  bool has_bias = false;
  std::map<Band, Primitive> first, further;
};

dnnl::primitive_attr attributes(bool adds) {
  dnnl::primitive_attr a = onednn_attributes();
  if (adds) {
    dnnl::post_ops sum;
    sum.append_sum();
    a.set_post_ops(sum);
  }
  return a;
}

dnnl::convolution_forward::primitive_desc describe(const ops::ConvWeight& w, const Band& band, const Md& source,
                                                   const Md& weights, const Md& bias, const Md& target, bool adds) {
  const bool has_bias = !adds && w.bias.defined();
  const dnnl::memory::dims strides = {w.stride, w.stride};
  const dnnl::memory::dims before = {band.pad_top, w.padding};
  const dnnl::memory::dims after = {band.pad_bottom, band.pad_right};
  constexpr auto kKind = dnnl::prop_kind::forward_inference;
  constexpr auto kDirect = dnnl::algorithm::convolution_direct;
#if DNNL_VERSION_MAJOR >= 3
  if (has_bias)
    return {onednn_engine(), kKind, kDirect, source, weights, bias, target, strides, before, after, attributes(adds)};
  return {onednn_engine(), kKind, kDirect, source, weights, target, strides, before, after, attributes(adds)};
#else
  const dnnl::convolution_forward::desc desc =
      has_bias ? dnnl::convolution_forward::desc(kKind, kDirect, source, weights, bias, target, strides, before, after)
               : dnnl::convolution_forward::desc(kKind, kDirect, source, weights, target, strides, before, after);
  return {desc, attributes(adds), onednn_engine()};
#endif
}

dnnl::memory::dims weight_dims(const ops::ConvWeight& w) {
  const int64_t k = w.kernel();
  if (w.groups == 1) return {w.out_channels(), w.in_channels(), k, k};
  return {w.groups, w.out_channels() / w.groups, w.in_channels() / w.groups, k, k};
}

Primitive make_primitive(const ops::ConvWeight& w, const Band& band, const Md& weights, const Md& bias, bool adds,
                         Md* chosen_weights) {
  Primitive p;
  p.source = Md({1, w.in_channels(), band.in_rows, band.in_width}, kF32, Tag::nhwc);
  p.target = Md({1, w.out_channels(), band.out_rows, band.out_width}, kF32, Tag::nhwc);
  const auto pd = describe(w, band, p.source, weights, bias, p.target, adds);
  p.scratchpad = pd.scratchpad_desc();
  if (chosen_weights != nullptr) *chosen_weights = pd.weights_desc();
  p.convolution = dnnl::convolution_forward(pd);
  return p;
}

// Frame t of the kernel, [O, C / groups, kernel, kernel] f32.
Tensor kernel_frame(const ops::ConvWeight& w, int64_t t) {
  if (w.frames() == 1) return w.weight.to(DType::kF32);
  const Tensor plain = w.weight.to(DType::kF32);
  const int64_t taps = w.kernel() * w.kernel(), filters = w.weight.numel() / (w.frames() * taps);
  Tensor frame = Tensor::empty({w.out_channels(), w.weight.dim(1), w.kernel(), w.kernel()}, DType::kF32);
  for (int64_t i = 0; i < filters; ++i)
    std::copy_n(plain.data<float>() + (i * w.frames() + t) * taps, taps, frame.data_mut<float>() + i * taps);
  return frame;
}

std::shared_ptr<PackedConv> prepack(const ops::ConvWeight& w, const Band& band) {
  auto packed = std::make_shared<PackedConv>();
  packed->has_bias = w.bias.defined();
  const Md bias_md({w.out_channels()}, kF32, Tag::x);
  const Md any(weight_dims(w), kF32, Tag::any);
  Md chosen;
  packed->first.emplace(band, make_primitive(w, band, any, bias_md, false, &chosen));

  const Md plain_md(weight_dims(w), kF32, w.groups > 1 ? Tag::goihw : Tag::oihw);
  dnnl::stream stream(onednn_engine());
  for (int64_t t = 0; t < w.frames(); ++t) {
    Tensor plain = kernel_frame(w, t);
    dnnl::memory source(plain_md, onednn_engine(), plain.raw_mut());
    dnnl::memory& weights = packed->weights.emplace_back(chosen, onednn_engine());
    dnnl::reorder(source, weights).execute(stream, source, weights);
    stream.wait();
  }
  w.weight.drop_pages();

  if (packed->has_bias) {
    packed->bias = dnnl::memory(bias_md, onednn_engine());
    const auto* bias = w.bias.data<float>();
    std::copy(bias, bias + w.out_channels(), static_cast<float*>(packed->bias.get_data_handle()));
  }
  return packed;
}

}  // namespace

Tensor direct_conv(std::span<const Tensor> frames, const ops::ConvWeight& w, ops::Activation activation) {
  select_isa();
  const Tensor like = ops::first_frame(frames);
  const int64_t batch = like.dim(0), channels = like.dim(3), out_channels = w.out_channels();
  const int64_t out_height = w.out_extent(like.dim(1)), out_width = w.out_extent(like.dim(2));
  const int64_t zoom = w.upsample ? 2 : 1, height = like.dim(1) * zoom, width = like.dim(2) * zoom;
  Tensor out = Tensor::empty({batch, out_height, out_width, out_channels}, DType::kF32);
  if (out.numel() == 0) return out;
  std::vector<Tensor> pictures;  // one for each frame of the kernel; undefined: zeros
  for (const Tensor& f : frames) pictures.push_back(w.upsample && f.defined() ? upsample_nearest(f, zoom) : f);

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
      const Md weights = packed.weights[0].get_desc(), bias = packed.bias ? packed.bias.get_desc() : Md();
      if (!packed.first.contains(band))
        packed.first.emplace(band, make_primitive(w, band, weights, bias, false, nullptr));
      if (w.frames() > 1 && !packed.further.contains(band))
        packed.further.emplace(band, make_primitive(w, band, weights, Md(), true, nullptr));
    }
  } catch (const dnnl::error& e) {
    fail(ErrorCode::kInternal, "oneDNN could not prepare a convolution of {} with {}: {}.", like.shape(),
         w.weight.shape(), e.what());
  }

  const auto& packed = *static_cast<const PackedConv*>(w.prepacked.get());
  auto* py = out.data_mut<float>();
  parallel_for(batch * bands, [&](int64_t task) {
    const SingleThreadedScope single;
    const int64_t b = task / bands;
    const int64_t r0 = task % bands * band_rows;
    const int64_t r1 = std::min(out_height, r0 + band_rows);
    const int64_t in_row = b * height + std::max<int64_t>(first_row(r0), 0);
    float* target = py + (b * out_height + r0) * out_width * out_channels;
    bool first = true;
    for (size_t t = 0; t < pictures.size(); ++t) {
      if (!pictures[t].defined()) continue;
      const Primitive& p = (first ? packed.first : packed.further).at(band_of(r0, r1));
      const float* source = pictures[t].data<float>() + in_row * width * channels;
      std::unordered_map<int, dnnl::memory> arguments = {
          {DNNL_ARG_SRC, dnnl::memory(p.source, onednn_engine(), const_cast<float*>(source))},
          {DNNL_ARG_WEIGHTS, packed.weights[t]},
          {DNNL_ARG_DST, dnnl::memory(p.target, onednn_engine(), target)}};
      if (packed.has_bias && first) arguments.emplace(DNNL_ARG_BIAS, packed.bias);
      first = false;
      try {
        onednn_run(p.convolution, p.scratchpad, std::move(arguments));
      } catch (const dnnl::error& e) {
        fail(ErrorCode::kInternal, "oneDNN could not convolve {} with {}: {}.", like.shape(), w.weight.shape(),
             e.what());
      }
    }
    if (activation != ops::Activation::kNone)
      kernels::activate(target, target, (r1 - r0) * out_width * out_channels, activation);
  });
  return out;
}

}  // namespace swan::backends
