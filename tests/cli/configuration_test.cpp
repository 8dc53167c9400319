// Options from configurations: what counts, where values came from, and that there is one definition of both.
#include "cli/configuration.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "cli/command_line.h"
#include "cli/commands.h"
#include "config/files.h"
#include "run_program.h"
#include "support/paths.h"

namespace swan::cli {
namespace {

using nlohmann::json;

// A variable of the environment for the time of a test.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    if (const char* before = getenv(name)) before_ = before;
    setenv(name, value, 1);
  }
  ~Variable() {
    if (before_) {
      setenv(name_, before_->c_str(), 1);
    } else {
      unsetenv(name_);
    }
  }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
  std::optional<std::string> before_;
};

class Configured : public ProgramFixture {
 protected:
  Outcome image(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"image"});
    arguments.insert(arguments.end(), {"-o", path("out.png")});
    return run_swan(arguments);
  }
  const ImageRequest& request() const { return fake_engine().request; }
};

TEST_F(Configured, AFileGivesWhatIsNotTyped) {
  const std::string file =
      write("c.yaml",
            "prompt: {prompt: a fox, negative_prompt: [blurry]}\n"
            "model: {model: /m, dtype: bf16, lora: [a.st:0.5, b.st], fuse_lora: true}\n"
            "memory: {threads: 3}\n"
            "sampling: {num_inference_steps: 7, guidance_scale: 3.5, seed: [4, 5], num_images: 2,\n"
            "           use_resolution_binning: false, sigmas: null}\n"
            "output: {quiet: true, video: other.mp4}\n");
  const Outcome o = image({"--config", file, "--guidance-scale", "2"});
  ASSERT_EQ(o.code, kExitDone) << o.err;
  EXPECT_EQ(o.out + o.err, "");
  EXPECT_EQ(request().prompt, std::vector<std::string>{"a fox"});
  EXPECT_EQ(request().negative_prompt, std::vector<std::string>{"blurry"});
  EXPECT_EQ(request().num_inference_steps, 7);
  EXPECT_EQ(request().guidance_scale, 2);
  EXPECT_EQ(request().seed, (std::vector<uint64_t>{4, 5}));
  EXPECT_FALSE(request().use_resolution_binning);
  EXPECT_EQ(fake_engine().model, "/m");
  EXPECT_EQ(fake_engine().load.dtype, "bf16");
  ASSERT_EQ(fake_engine().load.lora.size(), 2U);
  EXPECT_EQ(fake_engine().load.lora[0].scale, 0.5);
  EXPECT_TRUE(fake_engine().load.fuse_lora);
  EXPECT_EQ(fake_engine().threads, 3);
}

TEST_F(Configured, OneOptionTakesSeveralFiles) {
  const std::string base = write("base.yaml", "sampling: {num_inference_steps: 7, guidance_scale: 2}\n");
  const std::string studio = write("studio.yml", "sampling: {guidance_scale: 3}\n");
  const std::string last = write("last.yaml", "sampling: {seed: 4}\n");
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"--config", base, studio, last, "a fox"},
        {"a fox", "--config=" + base, studio, last},
        {"--config", "sana-1.6b-1024", base, studio, "--config", last, "a fox"}}) {
    fake_engine().request = {};
    ASSERT_EQ(image(arguments).code, kExitDone);
    EXPECT_EQ(request().prompt, std::vector<std::string>{"a fox"});
    EXPECT_EQ(request().num_inference_steps, 7);
    EXPECT_EQ(request().guidance_scale, 3);
    EXPECT_EQ(request().seed, std::vector<uint64_t>{4});
  }
  // What is no file's name is what it would be without the option; after "--" everything is.
  EXPECT_EQ(image({"--config", base, "a fox", studio}).code, kExitUsage);
  ASSERT_EQ(run_swan({"image", "-o", path("x.png"), "--config", base, "--", "fox.yaml"}).code, kExitDone);
  EXPECT_EQ(request().prompt, std::vector<std::string>{"fox.yaml"});
}

TEST_F(Configured, PathsMayBeginAtHome) {
  const Variable home("HOME", "/home/fox");
  const std::string file = write(
      "c.yaml", "model: {model: ~/m, lora: [~/a.st:0.5, x~/b.st]}\nprompt: {prompt: ~/a fox}\noutput: {quiet: true}\n");
  const Outcome o = image({"--config", file});
  ASSERT_EQ(o.code, kExitDone) << o.err;
  EXPECT_EQ(fake_engine().model, "/home/fox/m");
  EXPECT_EQ(fake_engine().load.lora.at(0).path, "/home/fox/a.st");
  EXPECT_EQ(fake_engine().load.lora.at(1).path, "x~/b.st");
  EXPECT_EQ(request().prompt, std::vector<std::string>{"~/a fox"});
}

TEST_F(Configured, TheSameFileServesOtherCommands) {
  fake_engine().kind = "video";
  const std::string file =
      write("c.yaml",
            "prompt: {prompt: a wave}\nmodel: {model: /m}\n"
            "sampling: {num_frames: 5, num_images: 3, pag_scale: 2}\noutput: {fps: 24, quiet: true, "
            "video: '" +
                path("v.mp4") + "', embeddings: '" + path("e.safetensors") + "'}\n");
  ASSERT_EQ(run_swan({"video", "--config", file}).code, kExitDone);
  EXPECT_EQ(fake_engine().video_requests.back().num_frames, 5);
  EXPECT_EQ(fake_engine().save_videos.back().fps, 24);
  EXPECT_EQ(run_swan({"embed", "--config", file}).code, kExitDone);
  EXPECT_EQ(run_swan({"info", "--config", file}).code, kExitDone);
  EXPECT_EQ(fake_engine().inspected, "/m");
}

TEST_F(Configured, EachSourceIsStrongerThanThoseBefore) {
  const std::string first = write("a.yaml", "sampling: {guidance_scale: 1.5}\n");
  const std::string second =
      write("b.yaml", "extends: a.yaml\nenvironments: {prod: {sampling: {guidance_scale: 2.5}}}\n");
  std::vector<std::string> arguments = {"a fox", "--config", second};
  const auto scale = [&] {
    const Outcome o = image(arguments);
    EXPECT_EQ(o.code, kExitDone) << o.err;
    return request().guidance_scale;
  };
  EXPECT_EQ(scale(), 1.5);
  {
    const Variable chosen("SWAN_ENV", "prod");
    EXPECT_EQ(scale(), 2.5);
  }
  arguments.insert(arguments.end(), {"--env", "prod"});
  EXPECT_EQ(scale(), 2.5);
  arguments.insert(arguments.end(), {"--config", first});
  EXPECT_EQ(scale(), 1.5);
  const Variable variable("SWAN__SAMPLING__GUIDANCE_SCALE", "3.5");
  EXPECT_EQ(scale(), 3.5);
  arguments.insert(arguments.end(), {"--set", "sampling.guidance_scale=4.5"});
  EXPECT_EQ(scale(), 4.5);
  arguments.insert(arguments.end(), {"--guidance-scale", "5.5"});
  EXPECT_EQ(scale(), 5.5);
}

TEST_F(Configured, APictureToRepeatIsStrongerThanFilesAndWeakerThanSettings) {
  fake_engine().metadata = {{"swan", "{}"}};
  RepeatableRequest& repeatable = fake_engine().repeatable;
  repeatable.request.prompt = {"old"};
  repeatable.request.guidance_scale = 9;
  repeatable.request.num_inference_steps = 11;
  repeatable.request.seed = {1};
  repeatable.load.dtype = "f16";
  const Variable variable("SWAN__SAMPLING__SEED", "2");
  const std::string file = write("c.yaml",
                                 "prompt: {prompt: new}\nsampling: {guidance_scale: 1, num_inference_steps: 3}\n"
                                 "model: {dtype: bf16, lora: [x.st], device: cpu}\nmemory: {threads: 2}\n");
  ASSERT_EQ(image({"--from", "old.png", "--config", file, "--set", "sampling.num_inference_steps=4"}).code, kExitDone);
  EXPECT_EQ(request().prompt, std::vector<std::string>{"old"});
  EXPECT_EQ(request().guidance_scale, 9);
  EXPECT_EQ(request().num_inference_steps, 4);
  EXPECT_EQ(request().seed, std::vector<uint64_t>{1});
  EXPECT_EQ(fake_engine().load.dtype, "f16");
  EXPECT_TRUE(fake_engine().load.lora.empty());
  EXPECT_EQ(fake_engine().load.device, "cpu");  // where, and with how many threads, is this machine's business
  EXPECT_EQ(fake_engine().threads, 2);
}

TEST_F(Configured, WhatIsTypedReplacesWhatItExcludes) {
  const std::string file =
      write("c.yaml",
            "prompt: {prompt: a fox}\nsampling: {num_inference_steps: 20}\noutput: {verbose: true}\n"
            "input: {strength: 0.5, control_preprocess: canny}\n");
  ASSERT_EQ(image({"a cat", "--config", file, "--sigmas", "1,0.5", "--quiet"}).code, kExitDone);
  EXPECT_EQ(request().prompt, std::vector<std::string>{"a cat"});
  EXPECT_EQ(request().num_inference_steps, 2);
  const std::string video = write("v.yaml", "sampling: {num_inference_steps: 50, guidance_scale: 5, flow_shift: 3}\n");
  const Outcome o = run_swan({"video", "a wave", "--config", video, "--preset", "fastwan", "-o", path("v.mp4")});
  ASSERT_EQ(o.code, kExitDone) << o.err;
  EXPECT_FALSE(fake_engine().video_requests.back().guidance_scale == 5);
}

TEST_F(Configured, ErrorsOfValuesSayWhereTheyCameFrom) {
  const std::string file = write("c.yaml", "sampling:\n  sigmas: [1, 0.5]\n  num_inference_steps: 3\n");
  Outcome o = image({"a fox", "--config", file});
  EXPECT_EQ(o.code, kExitUsage);
  EXPECT_NE(o.err.find("--sigmas has 2 values, but --steps is 3"), std::string::npos) << o.err;
  EXPECT_NE(o.err.find("\n  --sigmas comes from " + file + ":2:11 (sampling.sigmas)"), std::string::npos) << o.err;
  EXPECT_NE(o.err.find("\n  --steps comes from " + file + ":3:24 (sampling.num_inference_steps)"), std::string::npos);

  o = image({"a fox", "--set", "output.save_latents=" + path("none/x.safetensors")});
  EXPECT_EQ(o.code, kExitFailed);
  EXPECT_NE(o.err.find("--save-latents comes from --set (output.save_latents)"), std::string::npos) << o.err;

  const Variable variable("SWAN__MEMORY__MEMORY_BUDGET", "8.0.1GiB");
  o = image({"a fox"});
  EXPECT_NE(o.err.find("--memory-budget is '8.0.1GiB'"), std::string::npos) << o.err;
  EXPECT_NE(o.err.find("--memory-budget comes from $SWAN__MEMORY__MEMORY_BUDGET (memory.memory_budget)"),
            std::string::npos)
      << o.err;
}

TEST_F(Configured, AWrongConfigurationStopsBeforeAnythingIsDone) {
  const std::string file = write("c.yaml", "sampling:\n  guidence_scale: 3\n  seed: x y\n  width: big\n");
  const Outcome o = image({"a fox", "--config", file, "--json"});
  EXPECT_EQ(o.code, kExitUsage);
  EXPECT_NE(o.err.find(file + ":2:3: sampling.guidence_scale: unknown key; did you mean guidance_scale?"),
            std::string::npos)
      << o.err;
  EXPECT_NE(o.err.find(file + ":4:10: sampling.width: expected a whole number from 1 to 65536, but found 'big'"),
            std::string::npos)
      << o.err;
  EXPECT_EQ(json::parse(o.out)["error"]["code"], "invalid_argument");
  EXPECT_EQ(fake_engine().generated, 0);
  EXPECT_EQ(image({"a fox", "--config", path("none.yaml")}).code, kExitFailed);
  EXPECT_EQ(image({"a fox", "--env", "prod"}).code, kExitUsage);
  EXPECT_EQ(image({"a fox", "--set", "nonsense"}).code, kExitUsage);
}

TEST_F(Configured, ReportsForProgramsCanBeConfigured) {
  const std::string file = write("c.yaml", "output: {json: true}\nsampling: {seed: '1,,2'}\n");
  const Outcome o = image({"a fox", "--config", file});
  EXPECT_EQ(o.code, kExitUsage);
  EXPECT_NE(json::parse(o.out)["error"]["message"].get<std::string>().find("--seed comes from"), std::string::npos);
}

TEST_F(Configured, EveryPresetRuns) {
  const Variable configs("SWAN_CONFIGS", support::source_path("configs").c_str());
  int models = 0;
  for (const std::string& name : config::preset_names(support::source_path("configs"))) {
    // Those to lay over others name presets that the fake engine lacks; cli.config checks them.
    if (name.starts_with("wan-") && name != "wan-base" && !name.starts_with("wan-2.1")) continue;
    const bool video = name.find("wan") != std::string::npos;
    fake_engine() = {};
    const Outcome o = video ? run_swan({"video", "a wave", "--config", name, "-o", path("v.mp4")})
                            : image({"a fox", "--config", name});
    EXPECT_EQ(o.code, kExitDone) << name << ": " << o.err;
    models += fake_engine().model.empty() ? 0 : 1;
  }
  EXPECT_EQ(models, 16);
  // A distilled model's preset takes the place of what all models of its family have.
  ASSERT_EQ(run_swan({"video", "a wave", "--config", "fastwan-2.1-t2v-14b", "-o", path("v.mp4")}).code, kExitDone);
  EXPECT_EQ(fake_engine().model, "FastVideo/FastWan2.1-T2V-14B-Diffusers");
  EXPECT_EQ(fake_engine().video_requests.back().num_frames, 61);
}

// One definition: what can be typed can be configured, and what can be configured can be typed or says why not.
class EveryOption : public ::testing::Test {
 protected:
  EveryOption() { define_commands(app_, arguments_, table_); }
  CLI::App app_;
  Arguments arguments_;
  OptionTable table_;
};

TEST_F(EveryOption, HasAKeyInTheSchemaOrAReason) {
  const config::Schema schema = schema_of(table_);
  std::set<std::string> options;
  for (const OptionTable::Entry& entry : table_.entries) {
    const std::string name = "swan " + entry.command + " " + entry.name;
    options.insert(name);
    EXPECT_NE(entry.key.path.empty(), entry.key.none.empty()) << name;
    if (entry.key.path.empty()) continue;
    const config::Field* field = schema.find(entry.key.path);
    ASSERT_NE(field, nullptr) << name;
    EXPECT_EQ(field->type, entry.key.type) << name;
    for (const std::string& other : entry.key.yields_to) EXPECT_NE(schema.find(other), nullptr) << name << other;
    for (const std::string& other : entry.key.needs) EXPECT_NE(schema.find(other), nullptr) << name << other;
    EXPECT_EQ(entry.key.type == config::Type::kFlag, table_.hints.at(entry.option).kind == ValueHint::Kind::kNone)
        << name;
    // The key is the option's long name, with underscores.
    if (entry.option->get_positional()) continue;
    std::string last = entry.key.path.substr(entry.key.path.rfind('.') + 1);
    if (last == "use_resolution_binning") last = "no_resolution_binning";  // diffusers' name
    if (entry.name == "--output") last = "output";                         // each command has a key of its own
    std::replace(last.begin(), last.end(), '_', '-');
    const std::vector<std::string>& names = entry.option->get_lnames();
    EXPECT_NE(std::find(names.begin(), names.end(), last), names.end()) << name << " " << entry.key.path;
  }
  EXPECT_GT(options.size(), 100U);
  // The parser has no option that the table lacks, but for --help and --version.
  for (const CLI::App* command : app_.get_subcommands({})) {
    for (const CLI::Option* option : command->get_options()) {
      if (option == command->get_help_ptr()) continue;
      EXPECT_TRUE(table_.hints.contains(option)) << command->get_name() << " " << option->get_name();
    }
  }
}

TEST_F(EveryOption, IsWhatEachKeyOfTheSchemaIsOf) {
  const config::Schema schema = schema_of(table_);
  for (const config::Field& field : schema.fields()) {
    const std::string section = field.path.substr(0, field.path.find('.'));
    // Sections that no option is of, which docs/CONFIG.md lists.
    if (std::set<std::string>{"variables", "training", "evaluation", "deployment"}.contains(section)) continue;
    EXPECT_TRUE(std::any_of(table_.entries.begin(), table_.entries.end(), [&](const OptionTable::Entry& e) {
      return e.key.path == field.path;
    })) << field.path;
    EXPECT_FALSE(field.description.empty()) << field.path;
  }
}

TEST_F(EveryOption, TakesAConfigurationIfItHasKeys) {
  for (const OptionTable::Entry& entry : table_.entries) {
    if (entry.key.path.empty()) continue;
    EXPECT_TRUE(table_.configured.contains(entry.command)) << "swan " << entry.command << " needs o.configuration(a)";
  }
}

// What is written in the key as the default is what the program does without it.
TEST_F(EveryOption, StandardsAreAccepted) {
  const config::Schema schema = schema_of(table_);
  config::Inputs inputs;
  for (const config::Field& field : schema.fields()) {
    if (!field.standard.empty()) inputs.settings.push_back(field.path + "=" + field.standard);
  }
  ASSERT_GT(inputs.settings.size(), 10U);
  EXPECT_NO_THROW(static_cast<void>(config::resolve(inputs, schema)));
}

}  // namespace
}  // namespace swan::cli
