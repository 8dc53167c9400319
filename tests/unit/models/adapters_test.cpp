// Adapters: what layers and networks compute with them, beside the weights and merged, and what is refused.
#include "nn/adapters.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <ostream>

#include "io/checkpoint/key_tables.h"
#include "lora_files.h"
#include "models/sana_transformer.h"
#include "models/wan_transformer.h"
#include "nn/layers.h"
#include "ops/elementwise.h"
#include "reference/kernels.h"
#include "support/close.h"
#include "support/device.h"
#include "support/expect_error.h"
#include "support/golden.h"
#include "support/torch_writer.h"

namespace swan {
namespace {

using support::Golden;
using support::GoldenCase;
using support::normal;
using support::random_low_rank;

using Tensors = std::map<std::string, Tensor>;
using Set = std::shared_ptr<nn::AdapterSet>;

// ---- Layers: a linear one, one without a bias, convolutions dense (1x1, 3x3 with stride) and depthwise.
class Layers : public testing::Test {
 protected:
  Layers() {
    io::write_safetensors(dir_.file("layers.safetensors"), {{"a.weight", normal({48, 32}, 1, 0.2F)},
                                                            {"a.bias", normal({48}, 2)},
                                                            {"free.weight", normal({16, 32}, 3, 0.2F)},
                                                            {"back.weight", normal({32, 48}, 10, 0.2F)},
                                                            {"one.weight", normal({5, 32, 1, 1}, 4, 0.2F)},
                                                            {"one.bias", normal({5}, 5)},
                                                            {"conv.weight", normal({5, 32, 3, 3}, 6, 0.2F)},
                                                            {"conv.bias", normal({5}, 7)},
                                                            {"depth.weight", normal({32, 1, 3, 3}, 8, 0.2F)},
                                                            {"depth.bias", normal({32}, 9)}});
    weights_ = io::Weights::open(dir_.path(), "layers", "");
  }
  [[nodiscard]] std::string write(const Tensors& tensors, const std::map<std::string, std::string>& metadata = {}) {
    return support::write_lora(dir_, "lora_" + std::to_string(files_++) + ".safetensors", tensors, metadata);
  }
  [[nodiscard]] Set read(const std::vector<Lora>& loras, const nn::AdapterSet::Options& options = {}) const {
    return nn::AdapterSet::read(loras, *weights_, options);
  }
  [[nodiscard]] nn::Scope scope(const Set& set = nullptr, std::optional<DType> storage = {}) const {
    return nn::Scope(weights_, storage, set);
  }
  [[nodiscard]] Tensor forward_a(const Set& set, const Tensor& x,
                                 ops::Activation activation = ops::Activation::kNone) const {
    Context ctx = support::test_context();
    return nn::Linear(scope(set) / "a", 32, 48).forward(x, ctx, activation).cpu();
  }
  void expect_refused(ErrorCode code, std::initializer_list<std::string> parts, const Tensors& tensors,
                      const std::map<std::string, std::string>& metadata = {}) {
    const std::string path = write(tensors, metadata);
    expect_error(code, parts, [&] { (void)read({{path}}); });
    expect_error(code, {path}, [&] { (void)read({{path}}); });
  }

  support::TempDir dir_;
  std::shared_ptr<io::Weights> weights_;
  int files_ = 0;
};

const Shape kA = {48, 32};

Tensors lora_of(const std::string& module, const Shape& weight, int64_t rank, uint64_t seed) {
  const auto [a, b] = random_low_rank(weight, rank, seed);
  return {{module + ".lora_A.weight", a}, {module + ".lora_B.weight", b}};
}

// What torch would add: factor * B (A x), in f64.
Tensor added(const Tensor& y, const Tensor& x, const Tensor& a, const Tensor& b, double factor) {
  Tensor out = y.clone();
  const int64_t in = a.dim(1), rank = a.dim(0), n = b.dim(0);
  for (int64_t row = 0; row < x.numel() / in; ++row)
    for (int64_t o = 0; o < n; ++o) {
      double sum = 0;
      for (int64_t r = 0; r < rank; ++r) {
        double h = 0;
        for (int64_t k = 0; k < in; ++k)
          h += static_cast<double>(a.data<float>()[r * in + k]) * x.data<float>()[row * in + k];
        sum += b.data<float>()[o * rank + r] * h;
      }
      out.data_mut<float>()[row * n + o] += static_cast<float>(factor * sum);
    }
  return out;
}

// The same file as torch.save writes it (.pt, .bin) is the same LoRA.
TEST_F(Layers, LorasInFilesOfTorch) {
  const Tensors lora = lora_of("a", kA, 3, 20);
  const Tensor x = normal({7, 32}, 21);
  const Tensor expected = forward_a(read({{write(lora)}}), x);
  EXPECT_TRUE(
      support::identical(forward_a(read({{dir_.write("lora.pt", support::make_torch_file(lora))}}), x), expected));
  EXPECT_GT(support::distance(expected, forward_a(nullptr, x)).relative_l2, 1e-3);
}

TEST_F(Layers, AddWhatTheirAdaptersCompute) {
  const Tensor x = normal({2, 3, 32}, 20);
  const Tensors lora = lora_of("a", kA, 3, 30);
  const Tensor &a = lora.at("a.lora_A.weight"), &b = lora.at("a.lora_B.weight");
  const Tensor base = forward_a(nullptr, x);
  EXPECT_TRUE(support::close(forward_a(read({{write(lora)}}), x), added(base, x, a, b, 1), 1e-5));
  EXPECT_TRUE(support::close(forward_a(read({{write(lora), -0.75}}), x), added(base, x, a, b, -0.75), 1e-5));
  EXPECT_GT(support::distance(forward_a(read({{write(lora)}}), x), base).relative_l2, 0.1);
  EXPECT_TRUE(support::identical(forward_a(read({}), x), base));

  Tensors with_alpha = lora;
  with_alpha["a.alpha"] = Tensor::full({}, 7.5F);  // 7.5 / 3
  EXPECT_TRUE(support::close(forward_a(read({{write(with_alpha), 0.5}}), x), added(base, x, a, b, 1.25), 1e-5));

  Context ctx = support::test_context();
  const Tensor active = forward_a(read({{write(lora)}}), x, ops::Activation::kGeluTanh);
  EXPECT_TRUE(
      support::close(active, ops::activate(added(base, x, a, b, 1), ops::Activation::kGeluTanh, ctx).cpu(), 1e-5));
}

TEST_F(Layers, TakeFactorsFromTheHeader) {
  const Tensor x = normal({5, 32}, 20);
  const Tensors lora = lora_of("transformer.a", kA, 4, 30);
  const Tensor &a = lora.at("transformer.a.lora_A.weight"), &b = lora.at("transformer.a.lora_B.weight");
  const Tensor base = forward_a(nullptr, x);
  const auto with = [&](const std::string& json) {
    return forward_a(read({{write(lora, {{"lora_adapter_metadata", json}})}}), x);
  };
  EXPECT_TRUE(
      support::close(with(R"({"transformer.lora_alpha": 6, "transformer.r": 4})"), added(base, x, a, b, 1.5), 1e-5));
  EXPECT_TRUE(support::close(with(R"({"transformer.lora_alpha": 6, "transformer.use_rslora": true})"),
                             added(base, x, a, b, 3), 1e-5));
  EXPECT_TRUE(support::close(with(R"({"transformer.lora_alpha": 6, "transformer.alpha_pattern": {"a": 2, "b": 9}})"),
                             added(base, x, a, b, 0.5), 1e-5));
  EXPECT_TRUE(support::close(with("{}"), added(base, x, a, b, 1), 1e-5));
  for (const char* json : {"", "[]", "{\"transformer.lora_alpha\": \"6\"}", "{\"transformer.lora_alpha\": NaN}",
                           "{\"transformer.alpha_pattern\": 3}", "{\"transformer.alpha_pattern\": {\"a\": []}}"})
    expect_error(ErrorCode::kCorruptFile, {"lora_adapter_metadata"}, [&] { (void)with(json); });
}

TEST_F(Layers, AddSeveralAdaptersAtOnce) {
  const Tensor x = normal({5, 32}, 20);
  const Tensors first = lora_of("a", kA, 3, 30), second = lora_of("transformer.a", kA, 1, 40);
  const Tensor base = forward_a(nullptr, x);
  const Tensor both = forward_a(read({{write(first), 0.5}, {write(second), -2}}), x);
  const Tensor one = added(base, x, first.at("a.lora_A.weight"), first.at("a.lora_B.weight"), 0.5);
  EXPECT_TRUE(support::close(
      both, added(one, x, second.at("transformer.a.lora_A.weight"), second.at("transformer.a.lora_B.weight"), -2),
      1e-5));
  // An adapter and its opposite are nothing but rounding.
  EXPECT_TRUE(support::close(forward_a(read({{write(first), 1}, {write(first), -1}}), x), base, 1e-5));
}

TEST_F(Layers, ConvolveWithTheirAdapters) {
  Tensors lora = lora_of("conv", {5, 32, 3, 3}, 3, 30);
  lora.merge(lora_of("one", {5, 32, 1, 1}, 2, 40));
  const Tensor x = normal({2, 5, 7, 32}, 20);
  const Set beside = read({{write(lora), 0.5}}), fused = read({{write(lora), 0.5}}, {.fuse = true});
  EXPECT_TRUE(beside->computes_beside());
  EXPECT_FALSE(fused->computes_beside());
  Context ctx = support::test_context();
  for (const nn::Conv2dOptions& options : {nn::Conv2dOptions{.stride = 2, .padding = 1}, {.stride = 3}}) {
    const auto run = [&](const Set& set) {
      return nn::Conv2d(scope(set) / "conv", 32, 5, 3, options).forward(x, ctx, ops::Activation::kSilu).cpu();
    };
    EXPECT_TRUE(support::close(run(beside), run(fused), 2e-5));
    EXPECT_GT(support::distance(run(beside), run(nullptr)).relative_l2, 0.05);
  }
  const auto run = [&](const Set& set) {
    return nn::Conv2d(scope(set) / "one", 32, 5, 1).forward(x, ctx, ops::Activation::kSilu).cpu();
  };
  EXPECT_TRUE(support::close(run(beside), run(fused), 2e-5));
  EXPECT_GT(support::distance(run(beside), run(nullptr)).relative_l2, 0.05);
}

TEST_F(Layers, AddDifferencesToWeightsAndBiases) {
  const Tensor x = normal({5, 32}, 20), w = normal(kA, 30, 0.2F), b = normal({48}, 31);
  Context ctx = support::test_context();
  const Tensor change = ops::linear(x, {.weight = w, .bias = b}, ops::Activation::kNone, ctx).cpu();
  const Tensor base = forward_a(nullptr, x);
  Tensor expected = base.clone();
  for (int64_t i = 0; i < expected.numel(); ++i) expected.data_mut<float>()[i] += 0.5F * change.data<float>()[i];
  const Set set = read({{write({{"diffusion_model.a.diff", w}, {"diffusion_model.a.diff_b", b}}), 0.5}});
  EXPECT_TRUE(support::close(forward_a(set, x), expected, 1e-5));

  // A bias of B counts like B: times alpha / r.
  Tensors lora = lora_of("a", kA, 2, 40);
  lora["a.alpha"] = Tensor::full({1}, 3);
  const Tensor without = forward_a(read({{write(lora), 2}}), x);
  lora["a.lora_B.bias"] = b;
  Tensor with = without.clone();
  for (int64_t i = 0; i < with.numel(); ++i) with.data_mut<float>()[i] += 3 * b.data<float>()[i % 48];
  EXPECT_TRUE(support::close(forward_a(read({{write(lora), 2}}), x), with, 1e-5));
}

TEST_F(Layers, MergedWeightsAreRoundedToTheirDtype) {
  const Tensors lora = lora_of("a", kA, 3, 30);
  const std::array updates = {nn::LowRankUpdate{
      .down = lora.at("a.lora_A.weight"), .up = lora.at("a.lora_B.weight"), .magnitude = {}, .scale = 2}};
  const Tensor w = weights_->take("a.weight", kA);
  const Tensor exact = nn::merge(w, updates);
  EXPECT_EQ(exact.dtype(), DType::kF32);
  EXPECT_TRUE(support::identical(nn::merge(w.to(DType::kBF16), updates),
                                 nn::merge(w.to(DType::kBF16).to(DType::kF32), updates).to(DType::kBF16)));
  // Every row of W + 2 B A, one by one.
  EXPECT_TRUE(support::close(
      exact,
      [&] {
        Tensor sum = w.clone();
        for (int64_t n = 0; n < 48; ++n)
          for (int64_t k = 0; k < 32; ++k)
            for (int64_t r = 0; r < 3; ++r)
              sum.data_mut<float>()[n * 32 + k] += 2 * lora.at("a.lora_B.weight").data<float>()[n * 3 + r] *
                                                   lora.at("a.lora_A.weight").data<float>()[r * 32 + k];
        return sum;
      }(),
      1e-6));
}

// DoRA gives every row of W + s B A the norm that the file says, whether or not the rest is fused.
TEST_F(Layers, DoraSetsTheNormsOfRows) {
  Tensors lora = lora_of("a", kA, 3, 30);
  const Tensor norms = [] {
    Tensor m = normal({48}, 50);
    for (int64_t i = 0; i < 48; ++i) m.data_mut<float>()[i] = 1 + std::abs(m.data<float>()[i]);
    return m;
  }();
  lora["a.lora_magnitude_vector"] = norms;
  for (const bool fuse : {false, true}) {
    const Set set = read({{write(lora), 0.5}}, {.fuse = fuse});
    EXPECT_FALSE(set->computes_beside());
    Tensor w = weights_->take("a.weight", kA), sum = w;
    EXPECT_FALSE(set->adapt("a", w).defined());
    const std::array plain = {nn::LowRankUpdate{
        .down = lora.at("a.lora_A.weight"), .up = lora.at("a.lora_B.weight"), .magnitude = {}, .scale = 0.5F}};
    sum = nn::merge(sum, plain);
    for (int64_t n = 0; n < 48; ++n) {
      double square = 0, of_sum = 0, dot = 0;
      for (int64_t k = n * 32; k < (n + 1) * 32; ++k) {
        square += std::pow(w.data<float>()[k], 2);
        of_sum += std::pow(sum.data<float>()[k], 2);
        dot += static_cast<double>(w.data<float>()[k]) * sum.data<float>()[k];
      }
      EXPECT_NEAR(std::sqrt(square), norms.data<float>()[n], 1e-5) << n;
      EXPECT_NEAR(dot / std::sqrt(square * of_sum), 1, 1e-6) << n;  // the direction is that of the sum
    }
  }
  lora["a.lora_magnitude_vector"] = normal({1, 48}, 50);  // of columns: another kind
  expect_refused(ErrorCode::kUnsupported, {"a.lora_magnitude_vector", "[1, 48]", "[48]"}, lora);
}

// Layers that multiply in e4m3 add their adapters in the context's dtype, from the input before it was rounded; what
// they share is made once for layers with and without adapters.
TEST_F(Layers, InE4m3AddTheirAdaptersUnrounded) {
  const Tensor x = normal({5, 32}, 20);
  const Tensors lora = lora_of("a", kA, 3, 30);
  const Set set = read({{write(lora), 0.5}});
  Context ctx = Context(backends::reference_kernels()).with_f8(true);
  const nn::Linear base((scope() / "a").f8(), 32, 48), adapted((scope(set) / "a").f8(), 32, 48);
  const nn::Linear other((scope(set) / "free").f8(), 32, 16, false),
      plain_other((scope() / "free").f8(), 32, 16, false);
  ASSERT_TRUE(adapted.reads_rounded(ctx));
  EXPECT_TRUE(adapted.reads_plain() && other.reads_plain());
  EXPECT_FALSE(base.reads_plain());
  const Tensor expected = added(base.forward(x, ctx), x, lora.at("a.lora_A.weight"), lora.at("a.lora_B.weight"), 0.5);
  EXPECT_TRUE(support::close(adapted.forward(x, ctx), expected, 1e-5));
  const nn::LinearInput shared = other.read(x, ctx);
  EXPECT_TRUE(shared.is_rounded());
  EXPECT_TRUE(support::close(adapted.forward(shared, ctx), expected, 1e-5));
  EXPECT_TRUE(support::identical(other.forward(shared, ctx), plain_other.forward(x, ctx)));
  EXPECT_TRUE(support::close(adapted.forward(shared.slice(2, 5), ctx), expected.slice(2, 5), 1e-5));

  // From layer to layer, and out of the norms that round for what follows them: the tensor itself comes along.
  const nn::Linear back((scope(set) / "back").f8(), 48, 32, false);
  const nn::LinearInput between = adapted.forward_into(back, x, ctx, ops::Activation::kGeluTanh);
  EXPECT_TRUE(between.is_rounded() && between.plain().defined());
  EXPECT_TRUE(support::identical(back.forward(between, ctx),
                                 back.forward(adapted.forward(x, ctx, ops::Activation::kGeluTanh), ctx)));
  const Tensor none = Tensor::zeros({1, 32}, DType::kF32);
  const nn::LinearInput normed = nn::layer_norm_modulate_into(adapted, x.reshape({1, 5, 32}), none, none, 1e-6F, ctx);
  EXPECT_TRUE(normed.is_rounded() && normed.plain().defined());
  const nn::LinearInput bare = nn::layer_norm_modulate_into(base, x.reshape({1, 5, 32}), none, none, 1e-6F, ctx);
  EXPECT_TRUE(bare.is_rounded() && !bare.plain().defined());
}

TEST_F(Layers, RefuseFilesThatAreNotWhole) {
  const Tensors whole = lora_of("transformer.a", kA, 3, 30);
  const auto with = [&](const std::function<void(Tensors&)>& change) {
    Tensors t = whole;
    change(t);
    return t;
  };
  const std::string a = "transformer.a.lora_A.weight", b = "transformer.a.lora_B.weight";
  expect_refused(ErrorCode::kCorruptFile, {a, "'a'", "alone"}, with([&](Tensors& t) { t.erase(b); }));
  expect_refused(ErrorCode::kCorruptFile, {b, "alone"}, with([&](Tensors& t) { t.erase(a); }));
  expect_refused(ErrorCode::kCorruptFile, {"transformer.a.alpha", "without"},
                 {{"transformer.a.alpha", Tensor::full({}, 1)}});
  expect_refused(ErrorCode::kCorruptFile, {"a.lora_down.weight", a, "same part"},
                 with([&](Tensors& t) { t["a.lora_down.weight"] = t[a]; }));
  // Shapes: a rank that differs, a weight that differs, ranks of 0, flat or empty matrices.
  for (const auto& [down, up] : std::initializer_list<std::pair<Shape, Shape>>{{{3, 32}, {48, 4}},
                                                                               {{3, 31}, {48, 3}},
                                                                               {{3, 32}, {47, 3}},
                                                                               {{0, 32}, {48, 0}},
                                                                               {{96}, {48, 3}},
                                                                               {{3, 32}, {144}},
                                                                               {{3, 32, 1, 1}, {48, 3}},
                                                                               {{}, {}}})
    expect_refused(ErrorCode::kShapeMismatch, {a, b, "[48, 32]", down.str(), up.str(), "[r, 32]"},
                   with([&](Tensors& t) {
                     t[a] = Tensor::zeros(down, DType::kF32);
                     t[b] = Tensor::zeros(up, DType::kF32);
                   }));
  expect_refused(ErrorCode::kUnsupported, {a, "i32"}, with([&](Tensors& t) {
                   t[a] = Tensor::zeros({3, 32}, DType::kI32);
                 }));
  for (const Shape& shape : {Shape{2}, Shape{0}})
    expect_refused(ErrorCode::kShapeMismatch, {"transformer.a.alpha", "one number"},
                   with([&](Tensors& t) { t["transformer.a.alpha"] = Tensor::zeros(shape, DType::kF32); }));
  expect_refused(ErrorCode::kCorruptFile, {"transformer.a.alpha", "finite"}, with([&](Tensors& t) {
                   t["transformer.a.alpha"] = Tensor::full({}, std::numeric_limits<float>::infinity());
                 }));
  expect_refused(ErrorCode::kShapeMismatch, {"a.diff", "[48, 31]", "[48, 32]"},
                 {{"a.diff", Tensor::zeros({48, 31}, DType::kF32)}});
  expect_refused(ErrorCode::kShapeMismatch, {"a.diff_b", "[1]", "[48]"},
                 {{"a.diff_b", Tensor::zeros({1}, DType::kF32)}});
  expect_refused(ErrorCode::kUnsupported, {"free.diff_b", "none"}, {{"free.diff_b", Tensor::zeros({16}, DType::kF32)}});
  expect_error(ErrorCode::kInvalidArgument, {"scale"}, [&] { (void)read({{write(whole), NAN}}); });
  expect_error(ErrorCode::kNotFound, {"nothing.safetensors"},
               [&] { (void)read({{dir_.file("nothing.safetensors")}}); });
  expect_error(ErrorCode::kNotFound, {"pytorch_lora_weights.safetensors"}, [&] { (void)read({{dir_.path()}}); });
  expect_error(ErrorCode::kCorruptFile, {"torn"}, [&] { (void)read({{dir_.write("torn.safetensors", "no header")}}); });
  EXPECT_NE(read({{write(whole)}}), nullptr);  // what was changed above is sound
}

TEST_F(Layers, RefuseWhatBelongsToNothingUnlessLenient) {
  Tensors lora = lora_of("transformer.a", kA, 3, 30);
  lora["transformer.a2.lora_A.weight"] = normal({3, 32}, 1);
  lora["lora_te_text_model_q.alpha"] = Tensor::full({}, 1);
  expect_refused(
      ErrorCode::kMissingTensor,
      {"2 of the 4 tensors", "transformer.a2.lora_A.weight", "lora_te_text_model_q.alpha", "--lora-lenient", "nearest"},
      lora);
  const Set set = read({{write(lora)}}, {.lenient = true});
  ASSERT_EQ(set->summaries().size(), 1U);
  EXPECT_EQ(set->summaries()[0].keys, 4U);
  EXPECT_EQ(set->summaries()[0].unused, 2U);
  EXPECT_EQ(set->summaries()[0].modules, 1U);
  // A file of which nothing is left is none for this model.
  const std::string foreign = write({{"unet.down.lora_A.weight", normal({3, 32}, 1)}});
  expect_error(ErrorCode::kMissingTensor, {foreign, "none of its 1 tensors"},
               [&] { (void)read({{foreign}}, {.lenient = true}); });
}

TEST_F(Layers, RefuseWhatNoLayerTakesUnlessLenient) {
  const std::string path = write(lora_of("depth", {32, 1, 3, 3}, 2, 30));
  for (const bool lenient : {false, true}) {
    const Set set = read({{path}}, {.lenient = lenient});
    const nn::Conv2d depth(scope(set) / "depth", 32, 32, 3, {.padding = 1, .groups = 32});
    if (lenient) {
      EXPECT_NO_THROW(set->finish());
    } else {
      expect_error(ErrorCode::kUnsupported, {"depth", "1 modules"}, [&] { set->finish(); });
    }
  }
}

// ---- Networks

struct Network {
  const char* folder;
  bool wan;
};
void PrintTo(const Network& network, std::ostream* out) { *out << network.folder; }

class AdaptedNetwork : public testing::TestWithParam<Network> {
 protected:
  [[nodiscard]] std::shared_ptr<io::Weights> weights() const {
    return io::Weights::open(golden_.path(), "diffusion_pytorch_model", "");
  }
  [[nodiscard]] Set read(const std::vector<Lora>& loras, bool fuse = false) const {
    return nn::AdapterSet::read(
        loras, *weights(), {.fuse = fuse, .original_names = GetParam().wan ? &io::wan_transformer_keys() : nullptr});
  }
  // A LoRA of every module, named by `name` of it.
  [[nodiscard]] std::string write(const std::string& file, const std::function<std::string(const std::string&)>& name,
                                  const char* down, const char* up, uint64_t seed, float alpha = 0) const {
    Tensors tensors;
    for (const auto& [module, shape] : support::adaptable_modules(*weights())) {
      const auto [a, b] = random_low_rank(shape, 3, seed++);
      tensors[name(module) + down] = a;
      tensors[name(module) + up] = b;
      if (alpha != 0) tensors[name(module) + ".alpha"] = Tensor::full({}, alpha);
    }
    return support::write_lora(dir_, file, tensors);
  }
  [[nodiscard]] std::string write_peft(const std::string& file, uint64_t seed) const {
    return write(
        file, [](const std::string& m) { return "transformer." + m; }, ".lora_A.weight", ".lora_B.weight", seed);
  }
  [[nodiscard]] Tensor run(const Set& set) const {
    Context ctx = support::test_context();
    return run(set, ctx);
  }
  [[nodiscard]] Tensor run(const Set& set, Context& ctx) const {
    const GoldenCase& c = golden_.cases()[0];
    const io::Config config = io::Config::read(golden_.config_path());
    const auto w = weights();
    const nn::Scope scope(w, std::nullopt, set);
    const auto check = [&] {
      w->finish();
      if (set) set->finish();
    };
    const Tensor time = c.input("timestep").to(DType::kF32);
    if (GetParam().wan) {
      const models::WanTransformer3DModel model(models::WanConfig::parse(config), scope);
      check();
      return model
          .forward(c.input("hidden_states"), time, model.encode_text(c.input("encoder_hidden_states"), ctx), ctx)
          .on(nullptr, DType::kF32);
    }
    const models::SanaTransformer2DModel model(models::SanaConfig::parse(config), scope);
    check();
    Tensor mask = c.input("encoder_attention_mask");
    if (mask.defined() && mask.rank() == 2) mask = mask.to(DType::kI32);
    models::SanaCondition condition;
    condition.timestep = time;
    condition.guidance = c.input("guidance");
    return model
        .forward(c.input("hidden_states"), model.encode_text(c.input("encoder_hidden_states"), mask, ctx), condition,
                 ctx)
        .on(nullptr, DType::kF32);
  }

  Golden golden_ = Golden::open(std::string("components/") + GetParam().folder);
  support::TempDir dir_;
};

TEST_P(AdaptedNetwork, EveryModuleAdaptsAndComesBackToTheBit) {
  const Tensor base = run(nullptr);
  const std::string first = write_peft("first.safetensors", 1), second = write_peft("second.safetensors", 500);
  const Tensor beside = run(read({{first, 0.5}}));
  EXPECT_GT(support::distance(beside, base).relative_l2, 0.01);
  EXPECT_TRUE(support::close(beside, run(read({{first, 0.5}}, true)), 2e-4));
  EXPECT_TRUE(
      support::close(run(read({{first, 0.5}, {second, 0.25}})), run(read({{first, 0.5}, {second, 0.25}}, true)), 2e-4));
  EXPECT_GT(support::distance(run(read({{first, 0.5}, {second, 0.25}})), beside).relative_l2, 0.01);
  EXPECT_TRUE(support::identical(run(nullptr), base));
  EXPECT_TRUE(support::identical(run(read({{first, 0.5}})), beside));
}

TEST_P(AdaptedNetwork, EveryNamingGivesTheSame) {
  const auto underscored = [](std::string name) {
    std::replace(name.begin(), name.end(), '.', '_');
    return name;
  };
  const Tensor expected = run(read({{write_peft("peft.safetensors", 1), 2}}));
  const auto kohya = [&](const std::string& m) { return "lora_unet_" + underscored(m); };
  // alpha 6 of rank 3: twice.
  EXPECT_TRUE(support::identical(
      run(read({{write("kohya.safetensors", kohya, ".lora_down.weight", ".lora_up.weight", 1, 6)}})), expected));
  if (!GetParam().wan) return;
  const auto original = [](const std::string& m) { return nn::original_name(m, io::wan_transformer_keys()); };
  for (const auto& [down, up] :
       {std::pair(".lora_A.weight", ".lora_B.weight"), {".lora_down.weight", ".lora_up.weight"}})
    EXPECT_TRUE(support::identical(
        run(read({{write(
                       "original.safetensors", [&](const std::string& m) { return "diffusion_model." + original(m); },
                       down, up, 1),
                   2}})),
        expected));
  EXPECT_TRUE(support::identical(run(read({{write(
                                     "musubi.safetensors", [&](const std::string& m) { return kohya(original(m)); },
                                     ".lora_down.weight", ".lora_up.weight", 1, 6)}})),
                                 expected));
}

// With the big layers in e4m3 (those whose sides are multiples of 16), and on a GPU in bf16, adapters do what they do
// in f32. The bounds are of the networks' rounding, which bf16_test.cpp and f8_test.cpp look into.
TEST_P(AdaptedNetwork, InFewerBits) {
  const std::string path = write_peft("lora.safetensors", 1);
  const Tensor base = run(nullptr), expected = run(read({{path, 0.5}}));
  const double effect = support::distance(expected, base).relative_l2;
  const auto check = [&](Context ctx, const char* name, double most) {
    for (const bool fuse : {false, true}) {
      const double error = support::distance(run(read({{path, 0.5}}, fuse), ctx), expected).relative_l2;
      EXPECT_LT(error, most) << name << ", fused " << fuse;
      EXPECT_LT(error, effect / 2) << name << ", fused " << fuse;
    }
  };
  check(Context(backends::reference_kernels()).with_f8(true), "e4m3 in f32", 0.1);
  if (support::test_gpus() == 0) return;
  check(support::gpu_context(DType::kBF16), "bf16 on a GPU", 0.03);
  check(support::gpu_context(DType::kBF16).with_f8(true), "e4m3 in bf16 on a GPU", 0.1);
}

INSTANTIATE_TEST_SUITE_P(Networks, AdaptedNetwork,
                         testing::Values(Network{"wan_transformer", true}, Network{"sana_transformer", false},
                                         Network{"sana_transformer_p2_pos", false},
                                         Network{"sana_transformer_sprint", false}),
                         [](const auto& info) { return std::string(info.param.folder); });

}  // namespace
}  // namespace swan
