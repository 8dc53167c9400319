// Every table of names against the published models' manifests: diffusers' names become the format's and come back, and
// what config.json says follows from the shapes alone.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "io/checkpoint/checkpoint.h"
#include "io/checkpoint/default_configs.h"
#include "io/checkpoint/infer_config.h"
#include "io/checkpoint/key_tables.h"
#include "io/checkpoint/original_file.h"
#include "io/checkpoint/renamed_file.h"
#include "io/json.h"
#include "make_random_model/manifest.h"
#include "support/expect_error.h"
#include "support/memory_file.h"
#include "support/paths.h"

namespace swan::io {
namespace {

using support::MemoryFile;

const std::string kManifests = support::source_path("tools/make_random_model/manifests/");

std::map<std::string, TensorEntry> entries_of(const tools::Manifest& manifest) {
  std::map<std::string, TensorEntry> entries;
  for (const tools::ManifestTensor& t : manifest.tensors)
    entries[t.name] = {
        .dtype = t.dtype, .shape = t.shape, .begin = 0, .end = static_cast<size_t>(t.shape.numel()) * size_of(t.dtype)};
  return entries;
}

struct Published {
  const char* manifest;
  const KeyMap& (*keys)();
  std::set<std::string> not_in_shapes = {};  // keys of the configuration that no shape tells
};

class KeyMapsOf : public testing::TestWithParam<Published> {
 protected:
  [[nodiscard]] static tools::Manifest manifest() {
    return tools::read_manifest(kManifests + std::string(GetParam().manifest) + ".json.gz");
  }
};

TEST_P(KeyMapsOf, AreABijectionOverTheModelsNamesAndShapes) {
  const KeyMap& keys = GetParam().keys();
  const tools::Manifest model = manifest();
  ASSERT_GT(model.tensors.size(), 100U);
  std::map<std::string, std::set<int64_t>> parts;  // of the format's tensors
  for (const tools::ManifestTensor& t : model.tensors) {
    const auto place = keys.to_original(t.name);
    ASSERT_TRUE(place) << t.name;
    EXPECT_TRUE(parts[place->name].insert(place->part).second) << place->name << " holds two of that part";
    EXPECT_FALSE(keys.drops(place->name)) << place->name;
    const std::vector<KeyMap::Place> back = keys.to_diffusers(place->name);
    ASSERT_EQ(static_cast<int64_t>(back.size()), place->parts) << place->name;
    const KeyMap::Place& same = back.at(static_cast<size_t>(place->part));
    EXPECT_EQ(same.name, t.name) << place->name;
    EXPECT_EQ(same.part, place->part);
    const Shape original = KeyMap::original_shape(t.shape, *place);
    EXPECT_EQ(KeyMap::diffusers_shape(original, same), t.shape) << t.name << original.str();
  }
  for (const auto& [name, there] : parts)
    EXPECT_EQ(there.size(), keys.to_diffusers(name).size()) << "parts of " << name << " are missing";
}

TEST_P(KeyMapsOf, FilesInOtherNamesAreRecognisedAndComeBackTheSame) {
  const tools::Manifest model = manifest();
  const auto diffusers = std::make_shared<MemoryFile>(entries_of(model));
  const auto file = std::make_shared<OriginalFile>(diffusers, GetParam().keys());
  const auto found = recognise_checkpoint(*file);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->format->class_name, model.class_name);
  EXPECT_EQ(found->format->keys, GetParam().keys);
  EXPECT_EQ(found->prefix, "");
  const RenamedFile back(file, {.keys = &GetParam().keys()});
  EXPECT_TRUE(back.unknown().empty());
  ASSERT_EQ(back.entries().size(), diffusers->entries().size());
  size_t bytes = 0, expected = 0;
  for (const auto& [name, entry] : diffusers->entries()) {
    ASSERT_TRUE(back.entries().contains(name)) << name;
    EXPECT_EQ(back.entries().at(name).shape, entry.shape) << name;
    bytes += back.entries().at(name).end - back.entries().at(name).begin;
    expected += entry.end - entry.begin;
  }
  EXPECT_EQ(bytes, expected);
}

void expect_configuration(const tools::Manifest& model, const std::set<std::string>& not_in_shapes) {
  const MemoryFile file(entries_of(model));
  const auto found = recognise_checkpoint(file);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->format->class_name, model.class_name);
  EXPECT_EQ(found->format->keys, nullptr);
  const nlohmann::json config = infer_config(model.class_name, file, file, {});
  for (const auto& [key, value] : model.config.items())
    if (!not_in_shapes.contains(key) && key != "torch_dtype") {
      ASSERT_TRUE(config.contains(key)) << key;
      EXPECT_EQ(config.at(key), value) << key;
    }
}

TEST_P(KeyMapsOf, ShapesTellTheConfiguration) { expect_configuration(manifest(), GetParam().not_in_shapes); }

TEST(KeyMaps, ConfigurationsOfOthersFollowFromTheirShapesToo) {
  for (const char* name : {"gemma2_2b_text_encoder", "dcae_lite_f32c32_sana_vae"})
    expect_configuration(tools::read_manifest(std::string(kManifests) + name + ".json.gz"), {});
}

INSTANTIATE_TEST_SUITE_P(
    Models, KeyMapsOf,
    testing::Values(Published{"wan21_t2v_1_3b_transformer", wan_transformer_keys},
                    Published{"wan21_t2v_14b_transformer", wan_transformer_keys}, Published{"wan21_vae", wan_vae_keys},
                    Published{"umt5_xxl_text_encoder", wan_umt5_keys},
                    Published{"sana_600m_1024px_transformer", sana_keys},
                    Published{"sana_1600m_1024px_transformer", sana_keys},
                    Published{"sana_1600m_2kpx_transformer", sana_keys, {"sample_size", "interpolation_scale"}},
                    Published{"sana_1600m_4kpx_transformer", sana_keys, {"sample_size", "interpolation_scale"}},
                    Published{"sana15_1600m_1024px_transformer", sana_keys},
                    Published{"sana15_4800m_1024px_transformer", sana_keys},
                    Published{"sana_sprint_600m_1024px_transformer", sana_sprint_keys},
                    Published{"sana_sprint_1600m_1024px_transformer", sana_sprint_keys},
                    Published{"dcae_f32c32_sana_vae", dc_ae_keys}),
    [](const auto& p) { return std::string(p.param.manifest); });

TEST(KeyMaps, GgufsOfUmt5HaveNamesOfTheirOwn) {
  const tools::Manifest model = tools::read_manifest(std::string(kManifests) + "umt5_xxl_text_encoder.json.gz");
  const auto diffusers = std::make_shared<MemoryFile>(entries_of(model));
  const OriginalFile gguf(diffusers, gguf_umt5_keys());
  EXPECT_TRUE(gguf.entries().contains("enc.blk.23.ffn_gate.weight"));
  const auto found = recognise_checkpoint(gguf);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->format->keys, gguf_umt5_keys);
}

struct Known {
  const KeyMap& (*keys)();
  const char *original, *diffusers;
};
// As the publishers' files have them.
TEST(KeyMaps, KnowThePublishersNames) {
  const std::vector<Known> known = {
      {wan_transformer_keys, "time_embedding.2.bias", "condition_embedder.time_embedder.linear_2.bias"},
      {wan_transformer_keys, "time_projection.1.weight", "condition_embedder.time_proj.weight"},
      {wan_transformer_keys, "text_embedding.0.weight", "condition_embedder.text_embedder.linear_1.weight"},
      {wan_transformer_keys, "blocks.29.modulation", "blocks.29.scale_shift_table"},
      {wan_transformer_keys, "blocks.0.self_attn.norm_q.weight", "blocks.0.attn1.norm_q.weight"},
      {wan_transformer_keys, "blocks.7.cross_attn.o.bias", "blocks.7.attn2.to_out.0.bias"},
      {wan_transformer_keys, "blocks.7.norm3.weight", "blocks.7.norm2.weight"},
      {wan_transformer_keys, "blocks.7.ffn.2.weight", "blocks.7.ffn.net.2.weight"},
      {wan_transformer_keys, "head.head.weight", "proj_out.weight"},
      {wan_transformer_keys, "head.modulation", "scale_shift_table"},
      {wan_vae_keys, "conv1.weight", "quant_conv.weight"},
      {wan_vae_keys, "conv2.bias", "post_quant_conv.bias"},
      {wan_vae_keys, "encoder.conv1.weight", "encoder.conv_in.weight"},
      {wan_vae_keys, "encoder.downsamples.0.residual.6.weight", "encoder.down_blocks.0.conv2.weight"},
      {wan_vae_keys, "encoder.downsamples.2.resample.1.bias", "encoder.down_blocks.2.resample.1.bias"},
      {wan_vae_keys, "encoder.downsamples.5.time_conv.weight", "encoder.down_blocks.5.time_conv.weight"},
      {wan_vae_keys, "encoder.head.0.gamma", "encoder.norm_out.gamma"},
      {wan_vae_keys, "decoder.middle.1.to_qkv.weight", "decoder.mid_block.attentions.0.to_qkv.weight"},
      {wan_vae_keys, "decoder.middle.2.residual.3.gamma", "decoder.mid_block.resnets.1.norm2.gamma"},
      {wan_vae_keys, "decoder.upsamples.3.time_conv.bias", "decoder.up_blocks.0.upsamplers.0.time_conv.bias"},
      {wan_vae_keys, "decoder.upsamples.4.shortcut.weight", "decoder.up_blocks.1.resnets.0.conv_shortcut.weight"},
      {wan_vae_keys, "decoder.upsamples.14.residual.0.gamma", "decoder.up_blocks.3.resnets.2.norm1.gamma"},
      {wan_umt5_keys, "blocks.3.ffn.gate.0.weight", "encoder.block.3.layer.1.DenseReluDense.wi_0.weight"},
      {wan_umt5_keys, "blocks.3.ffn.fc1.weight", "encoder.block.3.layer.1.DenseReluDense.wi_1.weight"},
      {wan_umt5_keys, "norm.weight", "encoder.final_layer_norm.weight"},
      {sana_keys, "t_embedder.mlp.2.weight", "time_embed.emb.timestep_embedder.linear_2.weight"},
      {sana_keys, "attention_y_norm.weight", "caption_norm.weight"},
      {sana_keys, "blocks.0.cross_attn.q_norm.weight", "transformer_blocks.0.attn2.norm_q.weight"},
      {sana_keys, "final_layer.scale_shift_table", "scale_shift_table"},
      {sana_sprint_keys, "t_embedder.mlp.0.bias", "time_embed.timestep_embedder.linear_1.bias"},
      {sana_sprint_keys, "cfg_embedder.mlp.2.weight", "time_embed.guidance_embedder.linear_2.weight"},
      {dc_ae_keys, "encoder.stages.0.op_list.0.main.conv2.norm.weight", "encoder.down_blocks.0.0.norm.weight"},
      {dc_ae_keys, "encoder.stages.0.op_list.2.main.conv.bias", "encoder.down_blocks.0.2.conv.bias"},
      {dc_ae_keys, "decoder.stages.4.op_list.0.main.conv.conv.weight", "decoder.up_blocks.4.0.conv.weight"},
      {dc_ae_keys, "decoder.stages.5.op_list.1.context_module.main.aggreg.0.1.weight",
       "decoder.up_blocks.5.1.attn.to_qkv_multiscale.0.proj_out.weight"},
      {dc_ae_keys, "decoder.project_out.op_list.0.weight", "decoder.norm_out.weight"},
  };
  for (const Known& name : known) {
    const KeyMap& keys = name.keys();
    ASSERT_EQ(keys.to_diffusers(name.original).size(), 1U) << name.original;
    EXPECT_EQ(keys.to_diffusers(name.original)[0].name, name.diffusers);
    ASSERT_TRUE(keys.to_original(name.diffusers)) << name.diffusers;
    EXPECT_EQ(keys.to_original(name.diffusers)->name, name.original);
  }
  for (const char* left_out : {"pos_embed", "y_embedder.y_embedding", "logvar_linear.weight"}) {
    EXPECT_TRUE(sana_keys().drops(left_out)) << left_out;
    EXPECT_TRUE(sana_keys().to_diffusers(left_out).empty()) << left_out;
  }
}

TEST(KeyMaps, FusedProjectionsAreRowsOfOneTensor) {
  const auto qkv = sana_keys().to_diffusers("blocks.12.attn.qkv.weight");
  ASSERT_EQ(qkv.size(), 3U);
  EXPECT_EQ(qkv[1].name, "transformer_blocks.12.attn1.to_k.weight");
  EXPECT_EQ(qkv[1].part, 1);
  const auto kv = sana_keys().to_original("transformer_blocks.12.attn2.to_v.bias");
  ASSERT_TRUE(kv);
  EXPECT_EQ(kv->name, "blocks.12.cross_attn.kv_linear.bias");
  EXPECT_EQ(KeyMap::original_shape({7}, *kv), Shape({14}));
  EXPECT_EQ(KeyMap::diffusers_shape({13}, *kv), std::nullopt) << "13 rows are no two halves";
  const auto linear = dc_ae_keys().to_original("encoder.down_blocks.3.0.attn.to_q.weight");
  ASSERT_TRUE(linear);
  EXPECT_EQ(KeyMap::original_shape({4, 8}, *linear), Shape({12, 8, 1, 1}));
  EXPECT_EQ(KeyMap::diffusers_shape({12, 8, 1, 3}, *linear), std::nullopt);
  EXPECT_EQ(KeyMap::diffusers_shape(Shape(), *linear), std::nullopt);
}

TEST(KeyMaps, NumbersHaveOneSpelling) {
  for (const char* name :
       {"blocks.007.modulation", "blocks.-1.modulation", "blocks..modulation", "blocks.1x.modulation",
        "blocks.123456.modulation", "blocks.7.modulation.more", "xblocks.7.modulation", ""}) {
    EXPECT_TRUE(wan_transformer_keys().to_diffusers(name).empty()) << name;
    EXPECT_FALSE(wan_transformer_keys().drops(name)) << name;
  }
  EXPECT_FALSE(wan_transformer_keys().to_original("blocks.0.attn3.to_q.weight"));
  const auto broken = [] { (void)KeyMap(std::array{KeyGroup{{}, std::array{KeyRule{"a.{q}", "b"}}}}); };
  expect_error(ErrorCode::kInvalidArgument, {"a.{q}"}, broken);
}

TEST(KeyMaps, DefaultSchedulersAreThePublishedOnes) {
  for (const auto& [pipeline, file] : {std::pair("WanPipeline", "unipc"), std::pair("SanaPipeline", "dpmsolver"),
                                       std::pair("SanaSprintPipeline", "scm")})
    EXPECT_EQ(default_scheduler_config(pipeline).dump(),
              read_json(fmt::format("{}{}_scheduler_config.json", kManifests, file)).dump())
        << pipeline;
  EXPECT_TRUE(default_scheduler_config("OtherPipeline").is_null());
}

}  // namespace
}  // namespace swan::io
