// Options that name files of a model, `swan convert` and `swan info` on a file: what arguments mean and what is
// reported.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/values.h"
#include "fake_engine.h"
#include "run_program.h"

namespace swan::cli {
namespace {

using nlohmann::json;

class ProgramFiles : public ProgramFixture {
 protected:
  static void says(const std::vector<std::string>& arguments, const std::string& text) {
    const Outcome o = run_swan(arguments);
    EXPECT_EQ(o.code, kExitUsage);
    EXPECT_NE(o.err.find(text), std::string::npos) << o.err;
  }
};

TEST_F(ProgramFiles, PartsAreNamedByOptions) {
  ASSERT_EQ(run_swan({"embed", "a", "--quiet", "--transformer", "t", "--text-encoder", "e", "--vae", "v", "--tokenizer",
                      "k", "-o", "/dev/null"})
                .code,
            kExitDone);
  const LoadOptions& load = fake_engine().load;
  EXPECT_EQ(fake_engine().model, "");
  EXPECT_EQ(load.transformer, "t");
  EXPECT_EQ(load.text_encoder, "e");
  EXPECT_EQ(load.vae, "v");
  EXPECT_EQ(load.tokenizer, "k");
  for (const char* option : {"--transformer", "--text-encoder", "--vae", "--tokenizer"})
    says({"image", "a", option, ""}, std::string(option) + " is empty");
}

TEST_F(ProgramFiles, ConvertTakesWhatToReadAndWhatToWrite) {
  const Outcome o = run_swan(
      {"convert", "in", "out", "--to", "original", "--dtype", "f16", "--variant", "fp16", "--vae", "v", "--json"});
  ASSERT_EQ(o.code, kExitDone) << o.err;
  const FakeEngine& fake = fake_engine();
  EXPECT_EQ(fake.model, "in");
  EXPECT_EQ(fake.converted_to, "out");
  EXPECT_TRUE(fake.convert.original);
  EXPECT_EQ(fake.convert.dtype, "f16");
  EXPECT_EQ(fake.load.variant, "fp16");
  EXPECT_EQ(fake.load.vae, "v");
  const json j = json::parse(o.out);
  EXPECT_EQ(j["output"], "out");
  EXPECT_EQ(j["components"][0]["class_name"], "AutoencoderDC");
  EXPECT_EQ(j["components"][0]["tensors"], 3);
  const Outcome text = run_swan({"convert", "--vae", "v", "out", "--max-shard-size", "2GB"});
  ASSERT_EQ(text.code, kExitDone) << text.err;
  EXPECT_EQ(fake.model, "");
  EXPECT_FALSE(fake.convert.original);
  EXPECT_EQ(fake.convert.max_shard_bytes, 2'000'000'000U);
  EXPECT_NE(text.out.find("AutoencoderDC, 3 tensors"), std::string::npos) << text.out;
}

TEST_F(ProgramFiles, WrongUsageOfConvertIsExplained) {
  says({"convert"}, "it takes what to read and what to write");
  says({"convert", "in"}, "it takes what to read and what to write");
  says({"convert", "a", "b", "c"}, "too many names");
  says({"convert", "a", ""}, "a name is empty");
  says({"convert", "a", "b", "--dtype", "fp8"}, "--dtype is 'fp8'");
  says({"convert", "a", "b", "--to", "comfy"}, "--to is 'comfy'");
  says({"convert", "a", "b", "--to", "original", "--max-shard-size", "1GB"}, "--max-shard-size is for");
  EXPECT_EQ(fake_engine().converted_to, "");
}

TEST_F(ProgramFiles, InfoOfANetworksFile) {
  FileInfo& file = fake_engine().file;
  file.kind = FileInfo::Kind::kNetwork;
  file.container = "GGUF";
  file.class_name = "WanTransformer3DModel";
  file.component = "transformer";
  file.names = "Wan's own names";
  file.prefix = "model.";
  file.option = "--transformer";
  file.config = R"({"num_layers": 30})";
  file.tokenizer = true;
  file.tensors = 825;
  file.parameters = 1'418'996'800;
  file.bytes = 900'000'000;
  file.parameters_by_type = {{"q4_k", 1'400'000'000}, {"f32", 18'996'800}};
  const Outcome o = run_swan({"info", "x.safetensors"});
  EXPECT_EQ(o.code, kExitDone);
  for (const char* part : {"WanTransformer3DModel (transformer)", "Wan's own names, after 'model.'", "GGUF, ", "1.42 B",
                           "q4_k (1.40 B), f32 (19.00 M)", "--transformer x.safetensors", "tokenizer   in the file"})
    EXPECT_NE(o.out.find(part), std::string::npos) << part << " is not in\n" << o.out;
  const json j = json::parse(run_swan({"info", "x.safetensors", "--json"}).out);
  EXPECT_EQ(j["kind"], "network");
  EXPECT_EQ(j["config"]["num_layers"], 30);
  EXPECT_EQ(j["parameters_by_dtype"]["q4_k"], 1'400'000'000);
  EXPECT_EQ(j["usable"], true);
}

TEST_F(ProgramFiles, InfoOfALoraAndOfAnUnknownFile) {
  FileInfo& file = fake_engine().file;
  file.kind = FileInfo::Kind::kLora;
  file.container = "safetensors";
  file.option = "--lora";
  file.modules = 3;
  file.ranks = {{8, 1}, {16, 2}};
  file.base_model = "Wan 2.1 1.3B";
  for (int i = 0; i < 14; ++i) file.targets.push_back("blocks.N.part" + std::to_string(i));
  const std::string text = run_swan({"info", "x.safetensors"}).out;
  for (const char* part : {"3 modules", "8 (1 modules), 16 (2 modules)", "Wan 2.1 1.3B", "blocks.N.part11",
                           "and 2 more", "--lora x.safetensors"})
    EXPECT_NE(text.find(part), std::string::npos) << part << " is not in\n" << text;
  EXPECT_EQ(json::parse(run_swan({"info", "x.safetensors", "--json"}).out)["ranks"], (json{{"8", 1}, {"16", 2}}));

  file = {};
  file.problem = "its tensors are of no network";
  file.some_names = {"foo.bar"};
  const Outcome o = run_swan({"info", "x.safetensors"});
  EXPECT_EQ(o.code, kExitFailed);
  EXPECT_NE(o.out.find("foo.bar"), std::string::npos) << o.out;
  EXPECT_NE(o.out.find("its tensors are of no network"), std::string::npos) << o.out;
  const json j = json::parse(run_swan({"info", "x.safetensors", "--json"}).out);
  EXPECT_EQ(j["usable"], false);
  EXPECT_EQ(j["some_names"], json({"foo.bar"}));
}

}  // namespace
}  // namespace swan::cli
