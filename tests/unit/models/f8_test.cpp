// Networks whose big linear layers multiply in e4m3: which layers do, and how far results are from f32 then. By the
// reference backend, and by the GPU in bf16 where there is one; the CPU backend has no such products.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <map>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "core/device.h"
#include "core/generator.h"
#include "core/replay.h"
#include "cpu/kernels.h"
#include "io/safetensors.h"
#include "models/gemma2.h"
#include "models/sana_transformer.h"
#include "models/umt5.h"
#include "models/wan_transformer.h"
#include "reference/kernels.h"
#include "support/close.h"
#include "support/device.h"
#include "support/golden.h"
#include "support/paths.h"
#include "support/temp_dir.h"

namespace swan {
namespace {

using support::Golden;

constexpr const char* kDiffusion = "diffusion_pytorch_model";

struct Where {
  const char* name;
  Context (*context)();  // without e4m3
};
void PrintTo(const Where& where, std::ostream* out) { *out << where.name; }

std::vector<Where> places() {
  std::vector<Where> all = {{"reference", [] { return Context(backends::reference_kernels()); }}};
  if (support::test_gpus() > 0) all.push_back({"cuda", [] { return support::gpu_context(DType::kBF16); }});
  return all;
}

Tensor normal(const Shape& shape, uint64_t seed, float size = 1) {
  Generator generator(seed);
  Tensor x = generator.randn(shape);
  for (int64_t i = 0; i < x.numel(); ++i) x.data_mut<float>()[i] *= size;
  return x;
}

class F8 : public testing::TestWithParam<Where> {
 protected:
  [[nodiscard]] Context f8() const { return GetParam().context().with_f8(true); }
};
INSTANTIATE_TEST_SUITE_P(Places, F8, testing::ValuesIn(places()),
                         [](const auto& info) { return std::string(info.param.name); });

// --- Layers

// Layers `name` [out, in] with biases.
class Layers {
 public:
  explicit Layers(const std::map<std::string, Shape>& shapes) {
    std::map<std::string, Tensor> tensors;
    for (const auto& [name, shape] : shapes) {
      tensors[name + ".weight"] = normal(shape, tensors.size(), 0.2F);
      tensors[name + ".bias"] = normal({shape[0]}, tensors.size());
    }
    io::write_safetensors(dir_.file("layers.safetensors"), tensors);
  }
  [[nodiscard]] nn::Scope scope() const { return nn::Scope(io::Weights::open(dir_.path(), "layers", "")); }

 private:
  support::TempDir dir_;
};

TEST_P(F8, OnlyBigLayersOfSuitableShapesAreRounded) {
  const Layers layers({{"fits", {48, 32}}, {"narrow", {24, 32}}, {"short", {48, 24}}});
  const nn::Scope s = layers.scope();
  Context plain = GetParam().context(), f8 = this->f8();
  const auto run = [&](const nn::Linear& layer, int64_t in, Context& ctx) {
    return layer.forward(plain.to_compute(normal({5, in}, 9)), ctx, ops::Activation::kSilu).on(nullptr, DType::kF32);
  };
  const nn::Linear fits((s / "fits").f8(), 32, 48), narrow((s / "narrow").f8(), 32, 24);
  const nn::Linear short_rows((s / "short").f8(), 24, 48), small(s / "fits", 32, 48);
  EXPECT_TRUE(fits.reads_rounded(f8));
  EXPECT_FALSE(fits.reads_rounded(plain));
  const Tensor exact = run(fits, 32, plain);
  const double error = support::distance(run(fits, 32, f8), exact).relative_l2;
  EXPECT_GT(error, 0.01) << "nothing was rounded to e4m3";
  EXPECT_LT(error, 0.06);
  // What does not fit, and what is not marked, multiplies in the context's dtype.
  EXPECT_FALSE(narrow.reads_rounded(f8) || short_rows.reads_rounded(f8) || small.reads_rounded(f8));
  EXPECT_TRUE(support::identical(run(narrow, 32, f8), run(narrow, 32, plain)));
  EXPECT_TRUE(support::identical(run(short_rows, 24, f8), run(short_rows, 24, plain)));
  EXPECT_TRUE(support::identical(run(small, 32, f8), exact));
}

TEST_P(F8, LayersShareWhatTheyReadAndComeBackAfterTheirCopiesAreDropped) {
  const Layers layers({{"a", {48, 32}}, {"b", {64, 48}}});
  const nn::Scope s = layers.scope();
  Context ctx = f8();
  const nn::Linear a((s / "a").f8(), 32, 48), b((s / "b").f8(), 48, 64);
  const Tensor x = ctx.to_compute(normal({2, 5, 32}, 9));
  const nn::LinearInput read = a.read(x, ctx);
  (void)a.forward(read, ctx);
  if (ctx.device() != nullptr) {
    const size_t before = ctx.device()->copies().bytes();
    const nn::Linear again((s / "a").f8(), 32, 48);
    (void)again.forward(read, ctx);
    // The weight in e4m3 and the bias as the layer has it: nothing in 16 bits or more of the weight's 48 x 32.
    EXPECT_EQ(ctx.device()->copies().bytes() - before, 48U * 32 + 48 * 2);
  }
  ASSERT_TRUE(read.is_rounded());
  EXPECT_EQ(read.rows(), 10);
  const Tensor y = a.forward(read, ctx);
  EXPECT_TRUE(support::identical(y.cpu(), a.forward(x, ctx).cpu()));
  // Fewer rows may be another algorithm of a library.
  const Tensor some = a.forward(read.slice(3, 7), ctx).on(nullptr, DType::kF32);
  EXPECT_LT(support::distance(some, y.on(nullptr, DType::kF32).reshape({10, 48}).slice(3, 7)).relative_l2, 0.004);
  const Tensor next = b.forward(a.forward_into(b, read, ctx, ops::Activation::kGeluTanh), ctx).on(nullptr, DType::kF32);
  EXPECT_EQ(next.shape(), (Shape{2, 5, 64}));
  const Tensor parts = b.forward(a.forward(read, ctx, ops::Activation::kGeluTanh), ctx).on(nullptr, DType::kF32);
  EXPECT_LT(support::distance(next, parts).relative_l2, 0.02);  // some codes differ where bf16 stood in between
  a.drop_pages();
  // When a device's memory is needed, nothing of a weight stays there but its scales.
  if (ctx.device() != nullptr) {
    EXPECT_GT(ctx.device()->copies().bytes(), 0U);
    while (ctx.device()->copies().drop_one()) {
    }
    EXPECT_EQ(ctx.device()->copies().bytes(), 0U);
  }
  EXPECT_TRUE(support::identical(a.forward(read, ctx).cpu(), y.cpu()));
}

TEST_P(F8, PointwiseConvolutionsAreLinearLayers) {
  const Layers layers({{"conv", {48, 32, 1, 1}}});
  const nn::Conv2d conv((layers.scope() / "conv").f8(), 32, 48, 1);
  const nn::Linear linear((layers.scope() / "conv").f8(), Shape{48, 32, 1, 1});
  Context plain = GetParam().context(), ctx = f8();
  const Tensor x = ctx.to_compute(normal({1, 4, 3, 32}, 9));
  EXPECT_TRUE(support::identical(conv.forward(x, ctx, ops::Activation::kSilu).cpu(),
                                 linear.forward(x, ctx, ops::Activation::kSilu).cpu()));
  EXPECT_FALSE(support::identical(conv.forward(x, ctx).cpu(), conv.forward(x, plain).cpu()));
}

// --- Networks, against the CPU in f32

// The relative error lies in [least, most]: wrong code that ignores the layers' marks would pass every bound, and bf16
// alone costs less than `least`.
void expect_rounded(const std::string& name, const Tensor& found, const Tensor& expected, double least, double most) {
  ASSERT_EQ(found.shape(), expected.shape());
  const double error = support::distance(found, expected).relative_l2;
  const std::string report = fmt::format("{}: relative error {:.3g}, of {:.3g} to {:.3g}", name, error, least, most);
  testing::Test::RecordProperty(name, report);
  EXPECT_LE(error, most) << report;
  EXPECT_GE(error, least) << "nothing was rounded to e4m3: " << report;
}

// Of Sana's fixture, 4 layers. Rounding to e4m3 alone costs 0.036 to 0.046 of it: that is the reference backend's
// error, whose arithmetic is exact otherwise.
TEST_P(F8, SanaIsWithinItsBoundOfF32) {
  const Golden golden = Golden::open("components/sana_transformer");
  const models::SanaTransformer2DModel model(models::SanaConfig::parse(io::Config::read(golden.config_path())),
                                             nn::Scope(io::Weights::open(golden.path(), kDiffusion, "")));
  Context ctx = f8();
  size_t compared = 0;
  for (const auto& c : golden.cases()) {
    if (c.has("input.controlnet_block_samples.0")) continue;
    Tensor mask = c.input("encoder_attention_mask");
    if (mask.defined() && mask.rank() == 2) mask = mask.to(DType::kI32);
    models::SanaCondition condition;
    condition.timestep = c.input("timestep").to(DType::kF32);
    const models::SanaText text = model.encode_text(c.input("encoder_hidden_states"), mask, ctx);
    const Tensor out = model.forward(c.input("hidden_states"), text, condition, ctx);
    expect_rounded(c.name, out.on(nullptr, DType::kF32), c.output("sample"), 0.02, 0.06);
    ++compared;
  }
  EXPECT_GE(compared, 2U);
}

// Wan's fixture has 72 channels, which do not fit: a network of random weights that is like it but has 96.
class SmallWan {
 public:
  SmallWan() {
    const Golden golden = Golden::open("components/wan_transformer");
    auto json = support::read_json(golden.config_path());
    json["attention_head_dim"] = 32;
    config_ = models::WanConfig::parse(io::Config(json, "config.json"));
    const auto file = io::SafetensorsFile::open(golden.path() + "/" + kDiffusion + ".safetensors");
    std::map<std::string, Tensor> tensors;
    for (const auto& [name, entry] : file->entries()) {
      std::vector<int64_t> dims(entry.shape.dims().begin(), entry.shape.dims().end());
      for (int64_t& dim : dims)
        if (dim % 72 == 0) dim = dim / 72 * 96;
      const Shape shape{std::span<const int64_t>(dims)};
      const bool matrix = dims.size() == 2 || dims.size() == 5;
      const auto inputs = static_cast<float>(shape.numel() / dims[0]);
      // Norms near 1, everything else so that values keep their size from layer to layer.
      Tensor x = normal(shape, tensors.size(), matrix ? 1 / std::sqrt(inputs) : 0.1F);
      if (name.find("norm") != std::string::npos && name.ends_with(".weight"))
        for (int64_t i = 0; i < x.numel(); ++i) x.data_mut<float>()[i] += 1;
      tensors[name] = x;
    }
    io::write_safetensors(dir_.file(std::string(kDiffusion) + ".safetensors"), tensors);
    const auto weights = io::Weights::open(dir_.path(), kDiffusion, "");
    model_ = std::make_unique<models::WanTransformer3DModel>(*config_, nn::Scope(weights));
    weights->finish();
  }
  [[nodiscard]] models::WanText text(Context& ctx) const {
    return model_->encode_text(normal({2, 11, config_->text_dim}, 1), ctx);
  }
  [[nodiscard]] static Tensor latents() { return normal({2, 8, 3, 6, 10}, 2); }
  [[nodiscard]] static Tensor timestep() { return Tensor::full({2}, 640); }
  [[nodiscard]] Tensor forward(const models::WanText& text, Context& ctx) const {
    return model_->forward(latents(), timestep(), text, ctx);
  }
  [[nodiscard]] const models::WanTransformer3DModel& model() const { return *model_; }

 private:
  support::TempDir dir_;
  std::optional<models::WanConfig> config_;
  std::unique_ptr<models::WanTransformer3DModel> model_;
};

TEST_P(F8, WanIsWithinItsBoundOfF32) {
  const SmallWan wan;
  Context cpu(backends::cpu_kernels()), ctx = f8();
  const Tensor expected = wan.forward(wan.text(cpu), cpu);
  const Tensor found = wan.forward(wan.text(ctx), ctx).on(nullptr, DType::kF32);
  expect_rounded("wan", found, expected, 0.015, 0.04);  // 0.027 by the reference backend
  // Recording taps changes nothing, and the norms that are not made by themselves are there.
  Context recording = f8();
  recording.record_taps(true);
  EXPECT_TRUE(support::identical(wan.forward(wan.text(recording), recording).on(nullptr, DType::kF32), found));
  EXPECT_TRUE(recording.taps().contains("blocks.0.norm2"));
}

// Trained weights, of the embedded models: a forward at two timesteps on what their text encoders make of some words.
// Networks of 8 and 10 layers; the input is noise, as at the start of a run.
std::string embedded(const std::string& path) { return support::source_path("models/") + path; }

template <typename Network, typename Config>
std::unique_ptr<Network> open(const std::string& folder, const char* stem) {
  const auto weights = io::Weights::open(folder, stem, "");
  return std::make_unique<Network>(Config::parse(io::Config::read(folder + "/config.json")), nn::Scope(weights));
}

template <typename Encoder, typename Config>
Tensor words(const std::string& model, Context& cpu) {
  std::vector<int32_t> ids(20), ones(20, 1);
  for (size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<int32_t>(i * 37 % 2500 + 10);
  const auto encoder = open<Encoder, Config>(embedded(model + "/text_encoder"), "model");
  return encoder->forward(Tensor::from(ids, {1, 20}), Tensor::from(ones, {1, 20}), cpu);
}

TEST_P(F8, TrainedSanaIsWithinItsBoundOfF32) {
  const std::string folder = embedded("swan-emoji-256/transformer");
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "the embedded models are not there: " << folder;
  Context cpu(backends::cpu_kernels()), ctx = f8();
  const Tensor text = words<models::Gemma2Model, models::Gemma2Config>("swan-emoji-256", cpu);
  const auto model = open<models::SanaTransformer2DModel, models::SanaConfig>(folder, kDiffusion);
  const Tensor latents = normal({1, 32, 8, 8}, 3);
  for (const float timestep : {950.0F, 500.0F}) {
    const auto run = [&](Context& where) {
      const models::SanaCondition condition = {
          .timestep = Tensor::full({1}, timestep), .guidance = {}, .controlnet_block_samples = {}};
      return model->forward(latents, model->encode_text(text, {}, where), condition, where).on(nullptr, DType::kF32);
    };
    expect_rounded(fmt::format("timestep_{}", timestep), run(ctx), run(cpu), 0.01, 0.05);
  }
}

TEST_P(F8, TrainedWanIsWithinItsBoundOfF32) {
  const std::string folder = embedded("swan-emoji-video/transformer");
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "the embedded models are not there: " << folder;
  Context cpu(backends::cpu_kernels()), ctx = f8();
  const Tensor text = words<models::UMT5EncoderModel, models::UMT5Config>("swan-emoji-video", cpu);
  const auto model = open<models::WanTransformer3DModel, models::WanConfig>(folder, kDiffusion);
  const Tensor latents = normal({1, 16, 1, 16, 16}, 3);
  for (const float timestep : {950.0F, 500.0F}) {
    const auto run = [&](Context& where) {
      return model->forward(latents, Tensor::full({1}, timestep), model->encode_text(text, where), where)
          .on(nullptr, DType::kF32);
    };
    expect_rounded(fmt::format("timestep_{}", timestep), run(ctx), run(cpu), 0.012, 0.05);
  }
}

// A step is recorded at its second run (core/replay.h): weights have been rounded by then.
TEST_P(F8, WanIsReplayed) {
  const SmallWan wan;
  Context ctx = f8();
  const models::WanText text = wan.text(ctx);
  const Tensor expected = wan.forward(text, ctx).cpu();
  Replay replay(ctx);
  const std::vector<Tensor> inputs = {wan.latents().on(ctx.device()), wan.timestep().on(ctx.device())};
  for (int i = 0; i < 3; ++i) {
    const Tensor out =
        replay.run(inputs, [&](std::span<const Tensor> in) { return wan.model().forward(in[0], in[1], text, ctx); });
    EXPECT_TRUE(support::identical(out.cpu(), expected)) << "run " << i;
  }
}

}  // namespace
}  // namespace swan
