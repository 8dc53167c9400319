#include <nlohmann/json.hpp>

#include "config_testing.h"

namespace swan::config {
namespace {

class Validate : public ConfigTest {};

TEST_F(Validate, EveryProblemOfAFileIsSaidAtOnce) {
  const std::string said = refused(
      "extends: 3\n"
      "smapling: {}\n"
      "sampling:\n"
      "  stpes: 4\n"
      "  steps: 1001\n"
      "  guidance_scale: high\n"
      "  width: [1]\n"
      "  seed: [1, -2, x]\n"
      "  angle: nine\n"
      "  budget: 8GiB\n"
      "  sigmas: {a: 1}\n"
      "model:\n"
      "  dtype: bf61\n"
      "  fuse: yes\n"
      "  lora: [[a]]\n"
      "  memory_budget: 8\n"
      "  parts: {vea: x}\n"
      "  key: [list]\n"
      "output: out.png\n"
      "environments:\n"
      "  prod:\n"
      "    model: {dtype: 16}\n"
      "    extends: x\n"
      "  dev: 3\n");
  for (const char* line :
       {"config.yaml:1:10: extends: expected a file's name or a list of them, but found '3'",
        "config.yaml:2:1: smapling: unknown key; did you mean sampling?",
        "config.yaml:4:3: sampling.stpes: unknown key; did you mean steps?",
        "config.yaml:5:10: sampling.steps: expected a whole number from 1 to 1000, but found '1001'",
        "config.yaml:6:19: sampling.guidance_scale: expected a number, but found 'high'",
        "config.yaml:7:10: sampling.width: expected a whole number of at least 1, but found a list",
        "sampling.seed: expected a list of whole numbers, each of at least 0, but found",
        "config.yaml:9:10: sampling.angle: expected a number, or none, but found 'nine'",
        "config.yaml:10:3: sampling.budget: unknown key; did you mean model.memory_budget?",
        "config.yaml:11:11: sampling.sigmas: expected a list of numbers, each, but found a map of keys",
        "config.yaml:13:10: model.dtype: expected one of auto, f32, bf16, but found 'bf61'; did you mean bf16?",
        "config.yaml:14:9: model.fuse: expected true or false, but found 'yes'; write true or false",
        "config.yaml:15:10: model.lora: expected text or a list of texts, but found a list",
        "config.yaml:16:18: model.memory_budget: expected a size such as 8GiB, but found '8'",
        "config.yaml:17:11: model.parts.vea: unknown key; did you mean vae?",
        "config.yaml:18:8: model.key: expected text, but found a list",
        "config.yaml:19:9: output: expected a map of its keys (image), but found 'out.png'",
        "config.yaml:22:20: environments.prod.model.dtype: expected one of auto, f32, bf16, but found '16'",
        "config.yaml:23:5: environments.prod.extends: unknown key; there are variables, sampling, model, output",
        "config.yaml:24:8: environments.dev: expected a map of sections, but found '3'"}) {
    EXPECT_NE(said.find(line), std::string::npos) << line << "\n" << said;
  }
  EXPECT_TRUE(said.starts_with("the configuration has 20 problems:\n")) << said;
  EXPECT_EQ(code_, ErrorCode::kInvalidArgument);
}

TEST_F(Validate, AnotherRootIsRefused) {
  for (const char* text : {"[1]\n", "text\n", "7\n"}) {
    EXPECT_NE(refused(text).find("config.yaml:1:1: expected a map of sections"), std::string::npos) << refused(text);
  }
}

TEST_F(Validate, GoodValuesOfEveryTypePass) {
  EXPECT_EQ(refused("sampling: {steps: 1000, guidance_scale: 4, seed: 7, width: +8, angle: none, sigmas: '1,0.5'}\n"
                    "model: {model: 16, dtype: auto, lora: x, memory_budget: 8GiB, fuse: TRUE}\n"
                    "environments: {a: ~, b: {sampling: ~}}\nextends: []\noutput: ~\n"),
            "");
  EXPECT_EQ(refused("sampling: {seed: [18446744073709551615, 0], angle: 1.5, sigmas: 0.5}\nmodel: {lora: [x, 16]}\n"),
            "");
  EXPECT_EQ(refused("sampling: {seed: '${env:S:-1}', steps: '${sampling.width}', width: 3}\n"), "");
}

TEST_F(Validate, ValuesFromReferencesAreCheckedToo) {
  inputs_.variables = {{"STEPS", "many"}};
  EXPECT_EQ(refused("sampling:\n  steps: ${env:STEPS}\n"),
            "config.yaml:2:10: sampling.steps: expected a whole number from 1 to 1000, but found 'many'");
  inputs_.settings = {"sampling.steps=0"};
  EXPECT_EQ(refused("{}"), "--set: sampling.steps: expected a whole number from 1 to 1000, but found '0'");
}

TEST_F(Validate, TextsOfNumbersAndSizesAreChecked) {
  EXPECT_EQ(refused("sampling: {seed: '1,${env:N:-2}', sigmas: '1,.5,2e-1'}\nmodel: {memory_budget: 7.5gb}\n"), "");
  const std::string said = refused(
      "sampling: {seed: yes, sigmas: '1,x'}\nmodel: {memory_budget: lots}\n"
      "environments: {a: {sampling: {seed: ''}, model: {memory_budget: 8kg}}}\n");
  for (const char* line :
       {"the configuration has 5 problems:",
        "config.yaml:1:18: sampling.seed: expected a list of whole numbers, each of at least 0, but found 'yes'",
        "config.yaml:1:31: sampling.sigmas: expected a list of numbers, each, but found '1,x'",
        "config.yaml:2:24: model.memory_budget: expected a size such as 8GiB, but found 'lots'",
        "config.yaml:3:37: environments.a.sampling.seed: expected a list of whole numbers, each of at least 0, but "
        "found "
        "''\n",
        "but found '8kg'"}) {
    EXPECT_NE(said.find(line), std::string::npos) << line << "\n" << said;
  }
}

TEST_F(Validate, KeysBesideThoseOfOptionsAreChecked) {
  inputs_.options = {{.path = "sampling.steps", .name = "--steps", .texts = {"many"}}};  // which its command checks
  inputs_.settings = {"sampling={wdith: 3}"};
  EXPECT_EQ(refused("{}"), "--set: sampling.wdith: unknown key; did you mean width?");
}

TEST_F(Validate, ChecksWhatNothingElseCouldMend) {
  const std::string part =
      write("part.yaml",
            "model: {model: '${env:NOT_SET}', dtype: '${env:TYPE:-f32}', lora: '${model.model}/x'}\n"
            "sampling: {width: '${variables.side}', height: '${sampling.width}', seed: ['${env:NOT_SET}', 1]}\n"
            "environments: {e: {model: {lora: ['${env:NOT_SET}/x'], memory_budget: '${env:NOT_SET}', fuse: "
            "'${env:NOT_SET}'},\n"
            "                   sampling: {sigmas: '1,${sampling.angle}', angle: '${env:NOT_SET}', steps: "
            "'${variables.n}'},\n"
            "                   variables: {n: '${env:NOT_SET}'}}}\n");
  EXPECT_NO_THROW(check_files({part}, "", schema_));
  write("base.yaml", "sampling: {width: '${sampling.height}'}\nvariables: {n: many}\n");
  const std::string bad = write("bad.yaml",
                                "extends: base.yaml\n"
                                "sampling: {height: '${sampling.width}', seed: '${sampling.sede}'}\n"
                                "model: {lora: '${now:%H}', model: '${open', dtype: '${env:TYPE:-f23}'}\n"
                                "environments:\n"
                                "  dev: {sampling: {steps: '${variables.n}', height: 3}}\n"
                                "  prod: {}\n");
  std::string said;
  try {
    check_files({part, bad}, "", schema_);
  } catch (const Error& e) {
    said = e.what();
  }
  for (const char* line :
       {"the configuration has 6 problems:\n",
        "bad.yaml:2:20: sampling.height: values refer to each other: sampling.width -> sampling.height -> "
        "sampling.width",
        "bad.yaml:2:47: sampling.seed: it refers to 'sampling.sede', which is no key; did you mean sampling.seed?",
        "bad.yaml:3:15: model.lora: '${now:%H}' is none of", "bad.yaml:3:35: model.model: '${' has no '}'",
        "bad.yaml:3:52: model.dtype: expected one of auto, f32, bf16, but found 'f23'; did you mean f32?",
        "bad.yaml:5:27: sampling.steps: expected a whole number from 1 to 1000, but found 'many'"}) {
    EXPECT_NE(said.find(line), std::string::npos) << line << "\n" << said;
  }
  const std::string unknown = write("unknown.yaml", "environments: {x: {modle: {}}}\n");
  EXPECT_THROW(check_files({part, unknown}, "", schema_), Error);
  std::string many = "environments:\n";
  for (int i = 0; i < 65; ++i) many += fmt::format("  e{}: {{}}\n", i);
  EXPECT_NE(refused(many).find("more than 64 environments"), std::string::npos);
}

TEST_F(Validate, LongTextsAreValidatedToo) {
  // std::regex recurses with what a pattern repeats.
  EXPECT_EQ(refused("model: {model: " + std::string(900000, '1') + "x, dtype: auto}\n"), "");
  EXPECT_NE(refused("model: {dtype: " + std::string(900000, '$') + "}\n").find("expected one of"), std::string::npos);
}

TEST(Schema, NearestPathsLookAtTheSectionFirst) {
  const Schema schema = test_schema();
  EXPECT_EQ(schema.nearest_path("sampling.stps"), "sampling.steps");
  EXPECT_EQ(schema.nearest_path("model.steps"), "sampling.steps");
  EXPECT_EQ(schema.nearest_path("steps"), "sampling.steps");
  EXPECT_EQ(schema.nearest_path("samplign.steps"), "sampling.steps");
  EXPECT_EQ(schema.nearest_path("model.budget"), "model.memory_budget");
  EXPECT_EQ(schema.nearest_path("model.parts.va"), "model.parts.vae");
  EXPECT_EQ(schema.nearest_path("qqqqqqq.zzzzzzz"), "");
}

TEST(Schema, PathsTwiceOrWithoutASectionAreDefects) {
  EXPECT_THROW(Schema({{"a", ""}}, {{.path = "a.b"}, {.path = "a.b"}}), Error);
  EXPECT_THROW(Schema({{"a", ""}}, {{.path = "b.c"}}), Error);
}

TEST(Schema, JsonSaysWhatEditorsNeed) {
  const nlohmann::json json = nlohmann::json::parse(test_schema().json().dump());
  EXPECT_EQ(json["$schema"], "http://json-schema.org/draft-07/schema#");
  EXPECT_EQ(json["additionalProperties"], false);
  EXPECT_EQ(json["properties"]["sampling"]["$ref"], "#/definitions/sampling");
  const auto& steps = json["definitions"]["sampling"]["properties"]["steps"];
  EXPECT_EQ(steps["anyOf"][0], nlohmann::json({{"type", "integer"}, {"minimum", 1}, {"maximum", 1000}}));
  EXPECT_EQ(json["definitions"]["model"]["properties"]["dtype"]["default"], "auto");
  EXPECT_EQ(json["definitions"]["model"]["properties"]["parts"]["properties"].size(), 1U);
  EXPECT_FALSE(json["definitions"]["variables"].contains("additionalProperties"));
}

}  // namespace
}  // namespace swan::config
