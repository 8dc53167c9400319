// Which value counts: files and what they extend, environments, variables, --set, options.
#include <filesystem>
#include <nlohmann/json.hpp>

#include "config_testing.h"

namespace swan::config {
namespace {

class Layers : public ConfigTest {};

TEST_F(Layers, EachLayerIsStrongerThanThoseBefore) {
  write("parent.yaml", "sampling: {guidance_scale: 2}\nenvironments: {prod: {sampling: {guidance_scale: 3}}}\n");
  write("own.yaml",
        "extends: parent.yaml\nsampling: {guidance_scale: 4}\nenvironments: {prod: {sampling: {guidance_scale: 5}}}\n");
  write("later.yaml", "sampling: {guidance_scale: 6}\n");
  const auto path = [&](const char* name) { return dir_.path() + "/" + name; };
  const auto value = [&] { return text(resolve(inputs_, schema_), "sampling.guidance_scale"); };
  const auto from = [&] { return origin(resolve(inputs_, schema_), "sampling.guidance_scale"); };

  EXPECT_EQ(value(), "(none)");
  inputs_.files = {path("parent.yaml")};
  EXPECT_EQ(value(), "2");
  inputs_.environment = "prod";
  EXPECT_EQ(value(), "3");
  EXPECT_EQ(from(), "parent.yaml:2:50");
  inputs_.environment.reset();
  inputs_.files = {path("own.yaml")};
  EXPECT_EQ(value(), "4");
  inputs_.variables["SWAN_ENV"] = "prod";
  EXPECT_EQ(value(), "5");
  inputs_.files.push_back(path("later.yaml"));
  EXPECT_EQ(value(), "6");
  EXPECT_EQ(from(), "later.yaml:1:28");
  inputs_.variables["SWAN__SAMPLING__GUIDANCE_SCALE"] = "7";
  EXPECT_EQ(value(), "7");
  EXPECT_EQ(from(), "$SWAN__SAMPLING__GUIDANCE_SCALE");
  inputs_.settings = {"sampling.guidance_scale=8", "sampling.guidance_scale=9"};
  EXPECT_EQ(value(), "9");
  EXPECT_EQ(from(), "--set");
  inputs_.options = {{.path = "sampling.guidance_scale", .name = "--guidance-scale", .texts = {"10"}}};
  EXPECT_EQ(value(), "10");
  EXPECT_EQ(from(), "--guidance-scale");
}

TEST_F(Layers, MapsMergeAndTheRestReplaces) {
  write("a.yaml", "model: {model: a, lora: [x, y], parts: {vae: v}}\nvariables: {k: {l: 1}}\n");
  const Configuration c = resolved("extends: a.yaml\nmodel: {lora: [z], dtype: f32}\nvariables: {k: {m: [2]}}\n");
  EXPECT_EQ(text(c, "model.model"), "a");
  EXPECT_EQ(text(c, "model.parts.vae"), "v");
  EXPECT_EQ(text(c, "model.dtype"), "f32");
  EXPECT_EQ(option_texts(*c.find("model.lora"), Type::kTexts), std::vector<std::string>{"z"});
  EXPECT_EQ(text(c, "variables.k.l"), "1");
  EXPECT_NE(c.find("variables.k.m"), nullptr);
  EXPECT_EQ(text(c, "output.image"), "out.png");
}

TEST_F(Layers, NullTakesAValueAway) {
  write("a.yaml", "model: {model: a, dtype: f32}\n");
  const Configuration c = resolved("extends: a.yaml\nmodel: {model: ~, dtype: null}\n");
  EXPECT_EQ(c.find("model.model"), nullptr);
  EXPECT_EQ(c.find("model.dtype"), nullptr);
  // A section of which all keys are comments is null too.
  EXPECT_EQ(text(resolved("extends: a.yaml\nmodel:\n"), "model.dtype"), "f32");
}

TEST_F(Layers, ParentsComeInTheirOrderAndFromTheirFolder) {
  write("base/one.yaml", "sampling: {steps: 1, width: 1}\n");
  write("base/two.yaml", "extends: sub/three.yaml\nsampling: {steps: 2}\n");
  write("base/sub/three.yaml", "sampling: {height: 3}\n");
  const Configuration c = resolved("extends: [base/one.yaml, base/two.yaml]\n");
  EXPECT_EQ(text(c, "sampling.steps"), "2");
  EXPECT_EQ(text(c, "sampling.width"), "1");
  EXPECT_EQ(text(c, "sampling.height"), "3");
  ASSERT_EQ(c.layers.size(), 8U);
  EXPECT_NE(c.layers[2].find("base/sub/three.yaml (extended by"), std::string::npos) << c.layers[2];
}

TEST_F(Layers, PresetsAreFoundByName) {
  write("presets/sana.yaml", "extends: base.yaml\nsampling: {steps: 20}\n");
  write("presets/base.yaml", "model: {dtype: bf16}\n");
  inputs_.presets = dir_.path() + "/presets";
  EXPECT_EQ(text(resolved("extends: preset:sana\n"), "model.dtype"), "bf16");
  inputs_.files = {"sana"};
  EXPECT_EQ(text(resolve(inputs_, schema_), "sampling.steps"), "20");
  inputs_.files = {"preset:sana"};
  EXPECT_EQ(text(resolve(inputs_, schema_), "sampling.steps"), "20");
  const std::filesystem::path before = std::filesystem::current_path();
  write("folders/sana/model_index.json", "{}");  // a model of that name, where the command runs
  std::filesystem::current_path(dir_.path() + "/folders");
  inputs_.files = {"sana"};
  EXPECT_EQ(refused(), "");
  std::filesystem::current_path(before);
  inputs_.files = {"sans"};
  EXPECT_EQ(refused(), "--config names 'sans', which is neither a file nor a preset; did you mean sana?.");
  EXPECT_EQ(code_, ErrorCode::kNotFound);
  inputs_.files = {"preset:../presets/sana"};
  EXPECT_NE(refused().find("neither a file nor a preset"), std::string::npos);
  EXPECT_NE(refused("extends: preset:none\n").find("config.yaml:1:10 names 'none'"), std::string::npos);
  EXPECT_EQ(preset_names(inputs_.presets), (std::vector<std::string>{"base", "sana"}));
}

TEST_F(Layers, FilesThatExtendEachOtherAreRefusedWithTheChain) {
  write("a.yaml", "extends: [b.yaml]\n");
  write("b.yaml", "extends: ./c.yaml\n");
  write("c.yaml", "extends: a.yaml\n");
  inputs_.files = {dir_.path() + "/a.yaml"};
  EXPECT_EQ(
      refused(),
      "c.yaml:1:10: configuration files extend each other: a.yaml -> b.yaml -> c.yaml -> a.yaml; take one of them "
      "out.");
  EXPECT_EQ(code_, ErrorCode::kInvalidArgument);
  write("a.yaml", "extends: a.yaml\n");
  EXPECT_NE(refused().find("a.yaml:1:10: configuration files extend each other: a.yaml -> a.yaml"), std::string::npos);
}

TEST_F(Layers, AFileMayBeExtendedTwiceButNotWithoutEnd) {
  write("base.yaml", "sampling: {steps: 3}\n");
  write("l.yaml", "extends: base.yaml\n");
  write("r.yaml", "extends: base.yaml\n");
  EXPECT_EQ(text(resolved("extends: [l.yaml, r.yaml]\n"), "sampling.steps"), "3");
  write("f0.yaml", "sampling: {steps: 3}\n");
  for (int i = 1; i < 40; ++i) {
    const std::string below = "f" + std::to_string(i - 1) + ".yaml";
    write("f" + std::to_string(i) + ".yaml", "extends: [" + below + ", " + below + "]\n");
  }
  EXPECT_NE(refused("extends: f39.yaml\n").find("more than 256 configuration files are extended"), std::string::npos);
}

TEST_F(Layers, LargeFilesManyTimesCostLittle) {
  std::string large = "variables:\n";
  for (int i = 0; i < 9000; ++i) large += "  k" + std::to_string(i) + ": 1\n";
  write("large.yaml", large);
  std::string all = "extends: [large.yaml";
  for (int i = 0; i < 50; ++i) all += ", large.yaml";
  const Configuration c = resolved(all + "]\n");  // the test's time limit would end what takes long
  EXPECT_EQ(text(c, "variables.k8999"), "1");
  EXPECT_LE(c.find("variables.k0")->overridden.size(), 16U);
}

TEST_F(Layers, SettingsOfOneSectionAddUp) {
  inputs_.settings = {"sampling.steps=3", "sampling={width: 8, seed: [1]}", "sampling.height=9"};
  const Configuration c = resolve(inputs_, schema_);
  EXPECT_EQ(text(c, "sampling.steps") + text(c, "sampling.width") + text(c, "sampling.height"), "389");
}

TEST_F(Layers, FilesThatCannotBeReadAreNamed) {
  inputs_.files = {dir_.path() + "/none.yaml"};
  EXPECT_EQ(refused(), "cannot read the configuration 'none.yaml': No such file or directory.");
  EXPECT_EQ(code_, ErrorCode::kNotFound);
  inputs_.files = {dir_.path()};
  EXPECT_NE(refused().find("it is a folder"), std::string::npos);
  EXPECT_EQ(code_, ErrorCode::kIo);
  EXPECT_NE(refused("model: {model: x}\nextends: [other.yaml]\n")
                .find("config.yaml:2:11: it extends 'other.yaml', but 'other.yaml' is not there"),
            std::string::npos);
  EXPECT_EQ(code_, ErrorCode::kNotFound);
  EXPECT_NE(refused("extends: ${env:HOME}/x.yaml\n").find("a file's name is written out here"), std::string::npos);
}

TEST_F(Layers, EnvironmentsMustBeSomewhere) {
  const std::string text = "environments: {dev: {model: {dtype: f32}}, prod: {}}\n";
  inputs_.environment = "deb";
  EXPECT_EQ(refused(text), "no configuration file has an environment 'deb' (--env); did you mean dev?.");
  inputs_.environment = "staging";
  EXPECT_EQ(refused(text), "no configuration file has an environment 'staging' (--env); there are dev, prod.");
  EXPECT_EQ(refused("model: {}\n"), "no configuration file has an environment 'staging' (--env); there are none.");
  inputs_.environment.reset();
  inputs_.variables["SWAN_ENV"] = "staging";  // which may be meant for other programs
  EXPECT_EQ(refused("model: {}\n"), "");
  EXPECT_NE(refused(text).find("(SWAN_ENV)"), std::string::npos);
  inputs_.environment = "dev";  // stronger than SWAN_ENV
  EXPECT_EQ(ConfigTest::text(resolved(text), "model.dtype"), "f32");
}

TEST_F(Layers, VariablesAndSettingsAreTextsOfTheirKeys) {
  inputs_.variables = {{"SWAN__MODEL__MODEL", "a: b [c] #d"},
                       {"SWAN__SAMPLING__SIGMAS", "1,0.5"},
                       {"SWAN__MODEL__LORA", "[x, 'y z']"},
                       {"SWAN__VARIABLES__N", "{k: 1}"},
                       {"SWAN__MODEL__FUSE", "true"},
                       {"SWANLAKE", "1"},
                       {"SWAN_MODELS", "x"}};
  inputs_.settings = {"sampling.seed=[1, 2]", "model.parts.vae=", "sampling.width=null", "model.key=null"};
  const Configuration c = resolve(inputs_, schema_);
  EXPECT_EQ(text(c, "model.model"), "a: b [c] #d");
  EXPECT_EQ(option_texts(*c.find("sampling.sigmas"), Type::kNumbers), std::vector<std::string>{"1,0.5"});
  EXPECT_EQ(option_texts(*c.find("sampling.seed"), Type::kIntegers), std::vector<std::string>{"1,2"});
  EXPECT_EQ(option_texts(*c.find("model.lora"), Type::kTexts), (std::vector<std::string>{"x", "y z"}));
  EXPECT_EQ(option_texts(*c.find("model.fuse"), Type::kFlag), std::vector<std::string>{"true"});
  EXPECT_EQ(text(c, "variables.n.k"), "1");
  EXPECT_EQ(text(c, "model.parts.vae"), "");
  EXPECT_EQ(c.find("sampling.width"), nullptr);
  EXPECT_EQ(c.find("model.key"), nullptr);
}

TEST_F(Layers, UnknownVariablesAndSettingsAreRefusedWithTheNearest) {
  inputs_.variables = {{"SWAN__SAMPLING__STEP", "1"}, {"SWAN__MODEL__MODEL", "\xC3("}};
  inputs_.settings = {"sampling.stepz=1", "steps", "=3", "xyzzy.plugh=1", "model.lora=[a"};
  inputs_.variables["SWAN__"] = "1";
  const std::string said = refused();
  for (const char* line :
       {"the configuration has 8 problems:", "$SWAN__: there is no key '';",
        "$SWAN__SAMPLING__STEP: there is no key sampling.step; did you mean SWAN__SAMPLING__STEPS?",
        "$SWAN__MODEL__MODEL: it is not UTF-8", "--set: there is no key sampling.stepz; did you mean sampling.steps?",
        "--set: 'steps' must be PATH=VALUE, such as sampling.guidance_scale=3.5", "--set: '=3' must be PATH=VALUE",
        "--set: there is no key 'xyzzy.plugh'; 'swan config schema' lists them", "--set: it cannot be read as YAML"}) {
    EXPECT_NE(said.find(line), std::string::npos) << line << "\n" << said;
  }
}

TEST_F(Layers, AStrongerLayerTakesAwayWhatItExcludes) {
  write("base.yaml", "sampling: {steps: 20}\n");
  inputs_.files = {dir_.path() + "/base.yaml"};
  inputs_.options = {{.path = "sampling.sigmas", .name = "--sigmas", .texts = {"1,0.5"}}};
  Configuration c = resolve(inputs_, schema_);
  EXPECT_EQ(c.find("sampling.steps"), nullptr);
  EXPECT_EQ(text(c, "sampling.sigmas"), "1,0.5");
  inputs_.options.clear();
  c = resolved("extends: base.yaml\nsampling: {sigmas: [1]}\n");
  EXPECT_EQ(c.find("sampling.steps"), nullptr);
  c = resolved("sampling: {sigmas: [1], steps: 1}\n");  // of one layer: both stay, and the options say what they say
  EXPECT_NE(c.find("sampling.steps"), nullptr);
  EXPECT_NE(c.find("sampling.sigmas"), nullptr);
}

TEST_F(Layers, PrintedValuesGiveTheSameAgain) {
  inputs_.variables["KEY"] = "found";
  const Configuration c = resolved(
      "model:\n  model: 'a: b # $${x}'\n  lora: [a, 'b, c', \"16\", true.x]\n  key: ${env:KEY}\n  fuse: true\n"
      "sampling: {seed: [1, 2], guidance_scale: 4.50}\nvariables: {'k y': {z: [~, -1e3, 'null', \"l\\n\"]}, e: {}}\n");
  const std::string printed = to_yaml(c, schema_, false);
  const Configuration again = resolved(printed);
  EXPECT_EQ(to_yaml(again, schema_, false), printed);
  EXPECT_EQ(text(again, "model.model"), "a: b # ${x}");
  const auto json = nlohmann::json::parse(to_json_text(c, schema_, false));
  EXPECT_EQ(json["model"]["lora"], nlohmann::json({"a", "b, c", "16", "true.x"}));
  EXPECT_EQ(json["sampling"]["guidance_scale"], 4.5);
  EXPECT_EQ(json["variables"]["k y"]["z"], nlohmann::json({nullptr, -1000.0, "null", "l\n"}));
  EXPECT_EQ(json["model"]["key"], "found");
}

TEST_F(Layers, PrintedOriginsTellWhatWasReplaced) {
  write("base.yaml", "sampling:\n  steps: 20\n");
  inputs_.settings = {"sampling.width=8"};
  const Configuration c = resolved("extends: base.yaml\nsampling:\n  steps: 4\n");
  std::string yaml = to_yaml(c, schema_, true);
  const std::string folder = dir_.path() + "/";
  for (size_t at = yaml.find(folder); at != std::string::npos; at = yaml.find(folder)) yaml.erase(at, folder.size());
  EXPECT_EQ(yaml,
            "# Layers, the weakest first. Of each value the strongest is shown, with where it was written.\n"
            "#    1 built-in defaults\n"
            "#    2 base.yaml (extended by config.yaml)\n"
            "#    3 config.yaml\n"
            "#    4 environment variables SWAN__SECTION__KEY\n"
            "#    5 --set\n"
            "#    6 options on the command line\n"
            "sampling:\n"
            "  steps: 4  # config.yaml:3:10, over base.yaml:2:10\n"
            "  width: 8  # --set\n"
            "model:\n"
            "  dtype: auto  # default\n"
            "output:\n"
            "  image: out.png  # default\n");
  const auto json = nlohmann::json::parse(to_json_text(c, schema_, true));
  EXPECT_EQ(json["sampling"]["steps"]["value"], 4);
  EXPECT_EQ(json["sampling"]["steps"]["origin"], folder + "config.yaml:3:10");
  EXPECT_EQ(json["sampling"]["steps"]["overridden"], nlohmann::json({folder + "base.yaml:2:10"}));
  EXPECT_EQ(json["sampling"]["width"]["origin"], "--set");
}

}  // namespace
}  // namespace swan::config
