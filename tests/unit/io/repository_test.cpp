#include "io/repository.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <string>

#include "io/safetensors.h"
#include "support/golden.h"
#include "support/paths.h"
#include "support/temp_dir.h"
#include "swan/pipeline.h"
#include "unit/io/raw_file.h"

namespace swan::io {
namespace {

namespace fs = std::filesystem;
using support::golden_path;
using support::TempDir;

constexpr const char* kIndex = R"({"_class_name": "SanaPipeline", "_diffusers_version": "0.42.1",
  "scheduler": ["diffusers", "DPMSolverMultistepScheduler"], "tokenizer": ["transformers", "GemmaTokenizerFast"],
  "text_encoder": ["transformers", "Gemma2Model"], "transformer": ["diffusers", "SanaTransformer2DModel"],
  "vae": ["diffusers", "AutoencoderDC"], "safety_checker": [null, null], "requires_safety_checker": false})";

// A whole, tiny repository below `folder`.
void write_repository(const TempDir& dir, const std::string& folder) {
  dir.write(folder + "/model_index.json", kIndex);
  dir.write(folder + "/scheduler/scheduler_config.json", R"({"lambda_min_clipped": -Infinity})");
  dir.write(folder + "/tokenizer/tokenizer.json", "{}");
  for (const std::string name : {"text_encoder", "transformer", "vae"}) {
    dir.write(folder + "/" + name + "/config.json", "{}");
    const std::string stem = name == "text_encoder" ? "model" : "diffusion_pytorch_model";
    write_safetensors(dir.file(folder + "/" + name + "/" + stem + ".safetensors"),
                      {{"a", Tensor::full({2, 3}, 1.0F)}, {"b", Tensor::zeros({4}, DType::kBF16)}});
  }
}

void expect_open_fails(ErrorCode code, const std::string& path, const std::string& part) {
  expect_error(code, {path, part}, [&] { (void)Repository::open(path); });
}

TEST(Repository, ReadsTheIndex) {
  const Repository sana = Repository::open(golden_path("models/sana"));
  EXPECT_EQ(sana.class_name(), "SanaPipeline");
  ASSERT_EQ(sana.components().size(), 5U);
  const Component& encoder = sana.component("text_encoder");
  EXPECT_EQ(encoder.library, "transformers");
  EXPECT_EQ(encoder.class_name, "Gemma2Model");
  EXPECT_EQ(encoder.directory, golden_path("models/sana/text_encoder"));
  EXPECT_EQ(encoder.weight_stem(), "model");
  EXPECT_EQ(sana.component("vae").weight_stem(), "diffusion_pytorch_model");
  EXPECT_TRUE(sana.component("vae").has_weights());
  EXPECT_FALSE(sana.component("scheduler").has_weights());
  EXPECT_FALSE(sana.component("tokenizer").has_weights());
  EXPECT_EQ(sana.file("vae", "config.json"), golden_path("models/sana/vae/config.json"));
}

TEST(Repository, NullComponentsAndOptionsAreLeftOut) {
  const TempDir dir;
  write_repository(dir, "m");
  const Repository repository = Repository::open(dir.file("m/"));
  EXPECT_EQ(repository.components().size(), 5U);
  EXPECT_FALSE(repository.contains("safety_checker"));
  EXPECT_TRUE(repository.contains("vae"));
}

TEST(Repository, WrongPathsSayWhatToGive) {
  const TempDir dir;
  write_repository(dir, "m");
  expect_error(ErrorCode::kInvalidArgument, {"no model was given"}, [] { (void)Repository::open(""); });
  expect_open_fails(ErrorCode::kNotFound, dir.file("no"), "no such folder");
  expect_open_fails(ErrorCode::kNotFound, dir.file("m/model_index.json"), "it is a file");
  expect_open_fails(ErrorCode::kNotFound, dir.path(), "no model_index.json");
  expect_open_fails(ErrorCode::kNotFound, dir.file("m/vae"), "give " + dir.file("m") + " instead");
  fs::create_symlink("loop", dir.file("loop"));
  expect_open_fails(ErrorCode::kIo, dir.file("loop"), "symbolic links");
}

TEST(Repository, DamagedIndicesNameTheFile) {
  const TempDir dir;
  const auto fails = [&](const std::string& text, const std::string& part) {
    SCOPED_TRACE(text);
    const std::string path = dir.write("m/model_index.json", text);
    expect_error(ErrorCode::kCorruptFile, {path, part}, [&] { (void)Repository::open(dir.file("m")); });
  };
  fails("", "empty");
  fails("{", "line 1");
  fails("[]", "not a JSON object");
  fails("{}", "_class_name");
  fails(R"({"_class_name": 5})", "a string");
  fails(R"({"_class_name": "X"})", "no components");
  fails(R"({"_class_name": "X", "vae": ["diffusers"]})", "'vae'");
  fails(R"({"_class_name": "X", "vae": ["diffusers", 1]})", "'vae'");
  fails(R"({"_class_name": "X", "vae": [null, "a"]})", "'vae'");
  fails(R"({"_class_name": "X", "vae": ["a", "b"], "vae": ["a", "b"]})", "twice");
  for (const std::string name : {"..", "../other", "/etc", "a/b", "", "a\\\\b", "."})
    fails(R"({"_class_name": "X", ")" + name + R"(": ["a", "b"]})", "cannot name a component");
}

TEST(Repository, MissingPartsAreNamed) {
  const TempDir dir;
  write_repository(dir, "m");
  fs::remove_all(dir.file("m/vae"));
  fs::remove(dir.file("m/transformer/config.json"));
  const Repository repository = Repository::open(dir.file("m"));
  expect_error(ErrorCode::kNotFound, {dir.file("m/vae"), "download"}, [&] { (void)repository.component("vae"); });
  expect_error(ErrorCode::kNotFound, {dir.file("m/transformer/config.json")},
               [&] { (void)repository.file("transformer", "config.json"); });
  expect_error(ErrorCode::kCorruptFile, {dir.file("m"), "no controlnet", "scheduler, text_encoder"},
               [&] { (void)repository.component("controlnet"); });
}

TEST(Repository, HuggingFaceCacheFoldersResolveToASnapshot) {
  const TempDir dir;
  const std::string model = "models--org--name";
  write_repository(dir, model + "/snapshots/aaa");
  write_repository(dir, model + "/snapshots/bbb");
  fs::create_directories(dir.file(model + "/snapshots/incomplete"));
  const auto opened = [&] { return fs::path(Repository::open(dir.file(model)).path()).filename().string(); };
  const auto now = fs::file_time_type::clock::now();
  fs::last_write_time(dir.file(model + "/snapshots/aaa"), now);
  fs::last_write_time(dir.file(model + "/snapshots/bbb"), now - std::chrono::hours(1));
  fs::last_write_time(dir.file(model + "/snapshots/incomplete"), now + std::chrono::hours(1));
  EXPECT_EQ(opened(), "aaa") << "the newest that is whole";
  dir.write(model + "/refs/main", "bbb\n");
  EXPECT_EQ(opened(), "bbb") << "what refs/main names";
  dir.write(model + "/refs/main", "../../../elsewhere");
  EXPECT_EQ(opened(), "aaa") << "a reference that leads elsewhere is not followed";
  fs::remove_all(dir.file(model + "/snapshots/aaa"));
  fs::remove_all(dir.file(model + "/snapshots/bbb"));
  expect_open_fails(ErrorCode::kNotFound, dir.file(model), "without a complete snapshot");
}

TEST(Repository, ComponentsWithoutTheVariantUseTheirPlainFiles) {
  const TempDir dir;
  write_repository(dir, "m");
  write_safetensors(dir.file("m/transformer/diffusion_pytorch_model.fp16.safetensors"), {{"a", Tensor::full({1}, 1)}});
  const Repository repository = Repository::open(dir.file("m"));
  EXPECT_EQ(repository.variant_for(repository.component("transformer"), "fp16"), "fp16");
  EXPECT_EQ(repository.variant_for(repository.component("vae"), "fp16"), "");
  EXPECT_EQ(repository.variant_for(repository.component("vae"), ""), "");
  EXPECT_EQ(repository.variant_for(repository.component("vae"), "bf16"), "bf16") << "nobody has it: opening says so";
}

const ComponentInfo& part(const ModelInfo& info, const std::string& name) {
  for (const ComponentInfo& component : info.components)
    if (component.name == name) return component;
  throw std::runtime_error("no component " + name);
}

TEST(InspectModel, CountsAWholeRepository) {
  const TempDir dir;
  write_repository(dir, "m");
  const ModelInfo info = inspect_model(dir.file("m"));
  EXPECT_TRUE(info.complete());
  EXPECT_EQ(info.class_name, "SanaPipeline");
  EXPECT_EQ(info.path, dir.file("m"));
  ASSERT_EQ(info.components.size(), 5U);
  const ComponentInfo& vae = part(info, "vae");
  EXPECT_EQ(vae.class_name, "AutoencoderDC");
  EXPECT_EQ(vae.parameters, 10);
  EXPECT_EQ(vae.parameters_by_dtype, (std::vector<std::pair<std::string, int64_t>>{{"f32", 6}, {"bf16", 4}}));
  EXPECT_EQ(vae.files, (std::vector<std::string>{"vae/config.json", "vae/diffusion_pytorch_model.safetensors"}));
  EXPECT_EQ(vae.bytes, 2 + static_cast<int64_t>(fs::file_size(dir.file("m/vae/diffusion_pytorch_model.safetensors"))));
  EXPECT_EQ(part(info, "tokenizer").files, std::vector<std::string>{"tokenizer/tokenizer.json"});
  EXPECT_EQ(part(info, "scheduler").files, std::vector<std::string>{"scheduler/scheduler_config.json"});
}

TEST(InspectModel, ReportsEveryProblemAndThrowsForNone) {
  const TempDir dir;
  write_repository(dir, "m");
  fs::remove_all(dir.file("m/vae"));
  fs::resize_file(dir.file("m/transformer/diffusion_pytorch_model.safetensors"), 40);
  dir.write("m/text_encoder/config.json", "{");
  fs::remove(dir.file("m/tokenizer/tokenizer.json"));
  dir.write("m/scheduler/scheduler_config.json", "");
  const ModelInfo info = inspect_model(dir.file("m"));
  EXPECT_FALSE(info.complete());
  const auto problem = [&](const std::string& name, const std::string& words) {
    ASSERT_EQ(part(info, name).missing.size(), 1U) << name;
    EXPECT_NE(part(info, name).missing[0].find(words), std::string::npos) << part(info, name).missing[0];
  };
  problem("vae", "is not there");
  problem("transformer", "diffusion_pytorch_model.safetensors");
  problem("text_encoder", "text_encoder/config.json");
  problem("tokenizer", "tokenizer.model");
  problem("scheduler", "empty");
  EXPECT_EQ(part(info, "text_encoder").parameters, 10) << "what can be counted still is";
}

TEST(InspectModel, SeesMissingShards) {
  const TempDir dir;
  fs::copy(golden_path("models/sana15_sharded"), dir.file("m"), fs::copy_options::recursive);
  fs::remove(dir.file("m/transformer/diffusion_pytorch_model-00002-of-00004.safetensors"));
  const ModelInfo info = inspect_model(dir.file("m"));
  ASSERT_EQ(part(info, "transformer").missing.size(), 1U);
  EXPECT_NE(part(info, "transformer").missing[0].find("00002-of-00004"), std::string::npos);
  EXPECT_EQ(part(info, "transformer").files.size(), 5U);  // configuration, index, three shards
  EXPECT_EQ(part(inspect_model(golden_path("models/sana15_sharded")), "transformer").parameters, 922400 / 4);
}

TEST(InspectModel, KnowsVariants) {
  const TempDir dir;
  write_repository(dir, "m");
  write_safetensors(dir.file("m/transformer/diffusion_pytorch_model.fp16.safetensors"),
                    {{"a", Tensor::zeros({7}, DType::kF16)}});
  const ModelInfo info = inspect_model(dir.file("m"), "fp16");
  EXPECT_TRUE(info.complete());
  EXPECT_EQ(part(info, "transformer").parameters, 7);
  EXPECT_EQ(part(info, "vae").parameters, 10);
  const ModelInfo none = inspect_model(dir.file("m"), "bf16");
  EXPECT_FALSE(none.complete());
  EXPECT_NE(part(none, "transformer").missing[0].find("fp16"), std::string::npos);
}

TEST(InspectModel, TheIndexItselfMustBeReadable) {
  const TempDir dir;
  expect_error(ErrorCode::kNotFound, {dir.path()}, [&] { (void)inspect_model(dir.path()); });
  const ModelInfo nothing;
  EXPECT_FALSE(nothing.complete());
}

TEST(InspectModel, TheEmbeddedModelIsWhole) {
  const ModelInfo info = inspect_model(support::source_path("models/swan-emoji-256"));
  EXPECT_TRUE(info.complete());
  EXPECT_GT(part(info, "transformer").parameters, 1000000);
}

}  // namespace
}  // namespace swan::io
