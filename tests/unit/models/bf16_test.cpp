// Every network with its weights in bf16 against the reference's f32 results: the error may be no more than 1.5 times
// what bf16 costs the reference itself (tests/golden/derived/bf16_errors.json). On a GPU activations are bf16 too; the
// CPU computes in f32.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "cpu/kernels.h"
#include "models/autoencoder_dc.h"
#include "models/autoencoder_kl_wan.h"
#include "models/gemma2.h"
#include "models/sana_transformer.h"
#include "models/umt5.h"
#include "models/wan_transformer.h"
#include "support/close.h"
#include "support/device.h"
#include "support/golden.h"

namespace swan {
namespace {

using support::Golden;
using support::GoldenCase;

// Of the reference's error in the L2 norm.
constexpr double kFactor = 1.5;
// Of its largest single error, which one value's luck decides: this only catches what the norm would hide.
constexpr double kFactorOfLargest = 3;

// How weights are kept and what computes.
struct Machine {
  std::optional<DType> storage;
  Context ctx;
};

Machine cpu() { return {DType::kBF16, Context(backends::cpu_kernels())}; }
Machine gpu() { return {std::nullopt, support::gpu_context(DType::kBF16)}; }

template <typename Model, typename Config>
Model network(const Golden& golden, const char* stem, const Machine& machine) {
  return Model(Config::parse(io::Config::read(golden.config_path())),
               nn::Scope(io::Weights::open(golden.path(), stem, ""), machine.storage));
}
constexpr const char* kDiffusion = "diffusion_pytorch_model";

template <typename Vae, typename Config>
Tensor decode(const Golden& golden, const GoldenCase& c, Machine& machine) {
  Vae vae(Config::parse(io::Config::read(golden.config_path())), io::Weights::open(golden.path(), kDiffusion, ""),
          machine.storage, Vae::Halves::kDecoder);
  if (c.params.contains("tiling")) {
    const auto& t = c.params["tiling"];
    vae.enable_tiling({.tile_sample_min_height = t.at("tile_sample_min_height"),
                       .tile_sample_min_width = t.at("tile_sample_min_width"),
                       .tile_sample_stride_height = t.at("tile_sample_stride_height"),
                       .tile_sample_stride_width = t.at("tile_sample_stride_width")});
  }
  return vae.decode(c.input("z"), machine.ctx);
}

Tensor gemma2(const Golden& golden, const GoldenCase& c, Machine& machine) {
  const auto model = network<models::Gemma2Model, models::Gemma2Config>(golden, "model", machine);
  return model.forward(c.input("input_ids").to(DType::kI32), c.input("attention_mask").to(DType::kI32), machine.ctx);
}

Tensor umt5(const Golden& golden, const GoldenCase& c, Machine& machine) {
  const auto model = network<models::UMT5EncoderModel, models::UMT5Config>(golden, "model", machine);
  return model.forward(c.input("input_ids").to(DType::kI32), c.input("attention_mask").to(DType::kI32), machine.ctx);
}

Tensor sana(const Golden& golden, const GoldenCase& c, Machine& machine) {
  const auto model = network<models::SanaTransformer2DModel, models::SanaConfig>(golden, kDiffusion, machine);
  Tensor mask = c.input("encoder_attention_mask");
  if (mask.defined() && mask.rank() == 2) mask = mask.to(DType::kI32);
  models::SanaCondition condition;
  condition.timestep = c.input("timestep").to(DType::kF32);
  condition.guidance = c.input("guidance");
  for (int i = 0; c.has(fmt::format("input.controlnet_block_samples.{}", i)); ++i)
    condition.controlnet_block_samples.push_back(c.input(fmt::format("controlnet_block_samples.{}", i)));
  const models::SanaText text = model.encode_text(c.input("encoder_hidden_states"), mask, machine.ctx);
  return model.forward(c.input("hidden_states"), text, condition, machine.ctx);
}

Tensor wan(const Golden& golden, const GoldenCase& c, Machine& machine) {
  const auto model = network<models::WanTransformer3DModel, models::WanConfig>(golden, kDiffusion, machine);
  const models::WanText text = model.encode_text(c.input("encoder_hidden_states"), machine.ctx);
  return model.forward(c.input("hidden_states"), c.input("timestep").to(DType::kF32), text, machine.ctx);
}

constexpr auto dcae = decode<models::AutoencoderDC, models::AutoencoderDCConfig>;
constexpr auto wan_vae = decode<models::AutoencoderKLWan, models::AutoencoderKLWanConfig>;

// Computing in bf16, or only keeping weights so, whichever costs the reference more: see the script.
double larger(const nlohmann::json& bound, const char* measure) {
  return std::max(bound.at("compute").at(measure).get<double>(), bound.at("weights").at(measure).get<double>());
}

struct Network {
  const char* folder;
  const char* output;
  Tensor (*run)(const Golden&, const GoldenCase&, Machine&);
};
void PrintTo(const Network& network, std::ostream* out) { *out << network.folder; }

struct Where {
  const char* name;
  Machine (*machine)();
};
void PrintTo(const Where& where, std::ostream* out) { *out << where.name; }

class Bf16 : public testing::TestWithParam<std::tuple<Where, Network>> {};

TEST_P(Bf16, IsAsCloseAsTheReference) {
  const auto& [where, network] = GetParam();
  const Golden golden = Golden::open(std::string("components/") + network.folder);
  const auto all = support::read_json(support::golden_path("derived/bf16_errors.json"));
  const auto& bounds = all.at("components").at(network.folder);
  size_t compared = 0;
  for (const auto& c : golden.cases()) {
    const Tensor expected = c.output(network.output);
    if (!expected.defined()) continue;
    ASSERT_TRUE(bounds.contains(c.name)) << c.name << " has no bound; run tools/golden/bf16_errors.py";
    const auto& bound = bounds.at(c.name).at(network.output);
    const double reference = larger(bound, "relative_l2"), largest = larger(bound, "max_abs");
    Machine machine = where.machine();
    const Tensor found = network.run(golden, c, machine).on(nullptr, DType::kF32);
    ASSERT_EQ(found.shape(), expected.shape()) << c.name;
    const support::Distance d = support::distance(found, expected);
    const std::string report = fmt::format(
        "{} ({}): relative error {:.3g}, the reference's {:.3g}, ratio {:.2f}; largest {:.3g}, the "
        "reference's {:.3g}, ratio {:.2f}",
        c.name, c.note, d.relative_l2, reference, d.relative_l2 / reference, d.max_abs, largest, d.max_abs / largest);
    EXPECT_LE(d.relative_l2, kFactor * reference) << report;
    EXPECT_LE(d.max_abs, kFactorOfLargest * largest) << report;
    RecordProperty(c.name, report);
    if (c.name == golden.cases()[0].name) {
      // Wrong code that ignores the dtype would pass every bound.
      EXPECT_GT(d.relative_l2, reference / 50) << "nothing was rounded to bf16: " << report;
    }
    ++compared;
  }
  EXPECT_EQ(compared, bounds.size()) << "cases with a bound were not run";
}

std::vector<Where> machines() {
  std::vector<Where> all = {{"cpu", cpu}};
  if (support::test_gpus() > 0) all.push_back({"cuda", gpu});
  return all;
}

INSTANTIATE_TEST_SUITE_P(
    Networks, Bf16,
    testing::Combine(testing::ValuesIn(machines()),
                     testing::Values(Network{"gemma2", "last_hidden_state", gemma2},
                                     Network{"umt5", "last_hidden_state", umt5},
                                     Network{"sana_transformer", "sample", sana},
                                     Network{"sana_transformer_p2_pos", "sample", sana},
                                     Network{"sana_transformer_sprint", "sample", sana},
                                     Network{"dcae_f32", "sample", dcae}, Network{"dcae_shuffle", "sample", dcae},
                                     Network{"wan_transformer", "sample", wan}, Network{"wan_vae", "sample", wan_vae})),
    [](const auto& info) { return std::string(std::get<0>(info.param).name) + "_" + std::get<1>(info.param).folder; });

}  // namespace
}  // namespace swan
