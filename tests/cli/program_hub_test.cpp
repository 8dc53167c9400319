// Names of a hub's models wherever a model is named, and `swan pull`: what arguments mean and what is reported.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/values.h"
#include "fake_engine.h"
#include "run_program.h"

namespace swan::cli {
namespace {

using nlohmann::json;

class ProgramHub : public ProgramFixture {
 protected:
  static void says(const std::vector<std::string>& arguments, const std::string& text) {
    const Outcome o = run_swan(arguments);
    EXPECT_EQ(o.code, kExitUsage);
    EXPECT_NE(o.err.find(text), std::string::npos) << o.err;
  }
  void SetUp() override {
    ProgramFixture::SetUp();
    out_ = path("x.png");
  }
  std::string out_;
};

TEST_F(ProgramHub, NamesBecomePathsInEveryCommand) {
  const std::string at = "cache/m";
  ASSERT_EQ(run_swan({"image", "a", "--model", "hub/m", "-o", out_, "--quiet"}).code, kExitDone);
  EXPECT_EQ(fake_engine().model, at);
  ASSERT_EQ(run_swan({"video", "a", "--model", "hub/m", "-o", path("x.mp4"), "--quiet"}).code, kExitDone);
  EXPECT_EQ(fake_engine().model, at);
  ASSERT_EQ(run_swan({"embed", "a", "--model", "hub/m", "-o", path("x.safetensors"), "--quiet"}).code, kExitDone);
  EXPECT_EQ(fake_engine().model, at);
  ASSERT_EQ(run_swan({"convert", "hub/m", path("out"), "--quiet"}).code, kExitDone);
  EXPECT_EQ(fake_engine().model, at);
  (void)run_swan({"info", "hub/m"});
  EXPECT_EQ(fake_engine().inspected, at);
  ASSERT_EQ(run_swan({"image", "a", "--model", "dir", "--vae", "hub/v", "-o", out_, "--quiet"}).code, kExitDone);
  EXPECT_EQ(fake_engine().model, "dir");
  EXPECT_EQ(fake_engine().load.vae, "cache/v");
  EXPECT_EQ(fake_engine().pulled.size(), 6U);
}

TEST_F(ProgramHub, OptionsOfTheHub) {
  const Outcome o = run_swan(
      {"image", "a", "--model", "hub/m", "--revision", "v1", "--endpoint", "https://mirror", "--offline", "-o", out_});
  ASSERT_EQ(o.code, kExitDone) << o.err;
  EXPECT_EQ(fake_engine().hub.revision, "v1");
  EXPECT_EQ(fake_engine().hub.endpoint, "https://mirror");
  EXPECT_EQ(fake_engine().hub.offline, true);
  EXPECT_NE(o.err.find("swan: downloading hub/m@cccccccccccc: 1 of 2 files, 1.0 KiB, to cache/m\n"), std::string::npos)
      << o.err;
  EXPECT_NE(o.err.find("download 1/1 files, 1.0 KiB of 1.0 KiB"), std::string::npos) << o.err;
  ASSERT_EQ(run_swan({"image", "a", "--model", "hub/m", "-o", out_, "--quiet"}).err, "");
  EXPECT_FALSE(fake_engine().hub.offline) << "the environment decides";
}

TEST_F(ProgramHub, WrongUsageIsExplained) {
  says({"image", "a", "--revision", "v1", "-o", out_},
       "--revision is for a model of a hub, such as --model org/name, but none");
  says({"image", "a", "--model", "dir", "--revision", "v1", "-o", out_}, "but 'dir' is none, or is on disk");
  says({"image", "a", "--model", "hub/m", "--revision", ""}, "--revision is empty");
  says({"image", "a", "--model", "hub/m", "--endpoint", ""}, "--endpoint is empty");
  says({"pull"}, "the model is missing; for example: swan pull ");
  says({"pull", "hub/m", "--connections", "0"}, "--connections is '0'");
  says({"pull", "hub/m", "--include", ""}, "--include is empty");
  says({"pull", "hub/m", "--quiet", "--verbose"}, "contradict each other");
  says({"pull", "hub/m", "--allow-patterns", "x"}, "did you mean --include?");
  EXPECT_EQ(fake_engine().generated, 0);
}

TEST_F(ProgramHub, PullReportsForPeopleAndPrograms) {
  const Outcome text = run_swan({"pull", "hub/m", "hub/n@v1", "--variant", "fp16", "--include", "*.json", "--include",
                                 "b", "--exclude", "c", "--connections", "3"});
  ASSERT_EQ(text.code, kExitDone) << text.err;
  EXPECT_EQ(text.out,
            "cache/m\n  hub/m at cccccccccccc: 2 files, 3.0 KiB; 1.0 KiB downloaded\n"
            "cache/n@v1\n  hub/n@v1 at cccccccccccc: 2 files, 3.0 KiB; 1.0 KiB downloaded\n");
  EXPECT_EQ(fake_engine().pull.variant, "fp16");
  EXPECT_EQ(fake_engine().pull.include, (std::vector<std::string>{"*.json", "b"}));
  EXPECT_EQ(fake_engine().pull.exclude, std::vector<std::string>{"c"});
  EXPECT_EQ(fake_engine().hub.connections, 3);
  const Outcome dry = run_swan({"pull", "hub/m", "--dry-run"});
  EXPECT_TRUE(fake_engine().pull.dry_run);
  EXPECT_NE(dry.out.find("1.0 KiB would be downloaded\n     1.0 KiB  a.json\n     2.0 KiB  b.json  (in the cache)\n"),
            std::string::npos)
      << dry.out;
  const json j = json::parse(run_swan({"pull", "hub/m", "--json", "--quiet"}).out);
  EXPECT_EQ(j["models"][0]["path"], "cache/m");
  EXPECT_EQ(j["models"][0]["downloaded_bytes"], 1024);
  EXPECT_EQ(j["models"][0]["files"][1], json({{"path", "b.json"}, {"bytes", 2048}, {"cached", true}}));
  EXPECT_EQ(run_swan({"pull", "hub/m", "--quiet"}).out, "");
}

TEST_F(ProgramHub, AConfigurationSaysTheSame) {
  const std::string config =
      write("c.yaml",
            "model: {model: hub/m, revision: v2}\n"
            "hub: {endpoint: 'https://mirror', offline: true, connections: 2, include: ['*.json']}\n");
  ASSERT_EQ(run_swan({"image", "a", "--config", config, "-o", out_, "--quiet"}).code, kExitDone);
  EXPECT_EQ(fake_engine().model, "cache/m");
  EXPECT_EQ(fake_engine().hub.revision, "v2");
  EXPECT_EQ(fake_engine().hub.endpoint, "https://mirror");
  EXPECT_EQ(fake_engine().hub.offline, true);
  // Another model does not have the revision of the configuration's.
  const Outcome o = run_swan({"image", "a", "--config", config, "--model", "dir", "-o", out_, "--quiet"});
  ASSERT_EQ(o.code, kExitDone) << o.err;
  EXPECT_EQ(fake_engine().model, "dir");
  ASSERT_EQ(run_swan({"pull", "hub/x", "--config", config, "--quiet"}).code, kExitDone);
  EXPECT_EQ(fake_engine().hub.revision, "");
  EXPECT_EQ(fake_engine().hub.connections, 2);
  EXPECT_EQ(fake_engine().pull.include, std::vector<std::string>{"*.json"});
}

TEST_F(ProgramHub, Push) {
  PushResult& result = fake_engine().push_result;
  result = {.repo = "org/n", .commit = std::string(40, 'c'), .url = "https://h/org/n", .created = true};
  result.files = {{.path = "README.md", .bytes = 1, .cached = true}, {.path = "b", .bytes = 2, .cached = false}};
  result.uploaded_bytes = 2048;
  const Outcome o = run_swan({"push", "dir", "org/n", "--private", "--create-pr", "--message", "m", "--revision", "r",
                              "--include", "a", "--exclude", "b", "--connections", "2"});
  ASSERT_EQ(o.code, kExitDone) << o.err;
  EXPECT_EQ(fake_engine().pulled, (std::vector<std::string>{"dir", "org/n"}));
  EXPECT_TRUE(fake_engine().push.make_private);
  EXPECT_TRUE(fake_engine().push.create_pr);
  EXPECT_EQ(fake_engine().push.message, "m");
  EXPECT_EQ(fake_engine().push.include, std::vector<std::string>{"a"});
  EXPECT_EQ(fake_engine().push.exclude, std::vector<std::string>{"b"});
  EXPECT_EQ(fake_engine().hub.revision, "r");
  EXPECT_EQ(fake_engine().hub.connections, 2);
  EXPECT_EQ(o.out,
            "https://h/org/n\n  org/n at cccccccccccc: 1 of 2 files committed, 2.0 KiB of large files uploaded; the "
            "repository is new\n");
  EXPECT_EQ(o.err.find("no README.md"), std::string::npos);
  result.unchanged = true;
  result.files.erase(result.files.begin());
  const Outcome again = run_swan({"push", "dir", "org/n"});
  EXPECT_EQ(again.out, "https://h/org/n\n  org/n: nothing has changed\n");
  EXPECT_NE(again.err.find("swan card dir writes one"), std::string::npos);
  const json j = json::parse(run_swan({"push", "dir", "org/n", "--json", "--quiet"}).out);
  EXPECT_EQ(j["unchanged"], true);
  EXPECT_EQ(j["files"][0], json({{"path", "b"}, {"bytes", 2}, {"present", false}}));
  says({"push"}, "it takes a folder and a repository");
  says({"push", "dir"}, "it takes a folder and a repository");
  says({"push", "dir", ""}, "it takes a folder and a repository");
}

TEST_F(ProgramHub, Card) {
  const Outcome o = run_swan({"card", "dir", "--license", "mit", "--base-model", "a/b", "--repo", "c/d", "--tag", "x",
                              "--tag", "y", "-o", "-"});
  ASSERT_EQ(o.code, kExitDone) << o.err;
  EXPECT_EQ(o.out, "card of dir\n");
  const CardOptions& card = fake_engine().card;
  EXPECT_EQ(card.license, "mit");
  EXPECT_EQ(card.base_model, "a/b");
  EXPECT_EQ(card.repo, "c/d");
  EXPECT_EQ(card.tags, (std::vector<std::string>{"x", "y"}));
  const Outcome samples = run_swan({"card", "dir", "-o", path("card.md"), "--sample", "a fox", "--sample", "a cat"});
  ASSERT_EQ(samples.code, kExitDone) << samples.err;
  EXPECT_EQ(samples.out, path("card.md") + "\n");
  ASSERT_EQ(card.samples.size(), 2U);
  EXPECT_EQ(card.samples[1].file, "samples/sample_1.png");
  EXPECT_EQ(card.samples[1].prompt, "a cat");
  EXPECT_EQ(fake_engine().requests[0].prompt, std::vector<std::string>{"a fox"});
  EXPECT_EQ(fake_engine().model, "dir");
  EXPECT_EQ(content("card.md"), "card of dir\n");
  EXPECT_NE(samples.err.find("names no licence"), std::string::npos);
  says({"card", "dir", "-o", path("card.md")}, "is there already; give --force");
  says({"card", "dir", "-o", path("other.md"), "--sample", "a fox"}, "sample_0.png' is there already; give --force");
  fake_engine().kind = "video";
  ASSERT_EQ(run_swan({"card", "dir", "-o", path("card.md"), "--sample", "a wave", "--force", "--quiet"}).code,
            kExitDone);
  EXPECT_EQ(card.samples.at(0).file, "samples/sample_0.webp");
  says({"card"}, "the model is missing");
  says({"card", "dir", "-o", ""}, "--output is empty");
  says({"card", "dir", "-o", "-", "--sample", "x"}, "--sample puts files beside the card");
  says({"card", "dir", "-o", "-", "--json"}, "both print to standard output");
}

// What a studio says of all its models stands in a file beside them.
TEST_F(ProgramHub, PullPushAndCardAreConfigured) {
  std::ofstream(path("studio.yaml")) << "push: {private: true, message: by us, include: '*.json', create_pr: true}\n"
                                        "card: {license: mit, tag: [ours, small], output: '-', base_model: a/b}\n"
                                        "hub: {dry_run: true}\n";
  ASSERT_EQ(run_swan({"push", "dir", "org/n", "--config", path("studio.yaml"), "--exclude", "x"}).code, kExitDone);
  EXPECT_TRUE(fake_engine().push.make_private);
  EXPECT_TRUE(fake_engine().push.create_pr);
  EXPECT_EQ(fake_engine().push.message, "by us");
  EXPECT_EQ(fake_engine().push.include, std::vector<std::string>{"*.json"});
  EXPECT_EQ(fake_engine().push.exclude, std::vector<std::string>{"x"});
  const Outcome o = run_swan({"card", "dir", "--config", path("studio.yaml"), "--base-model", "c/d"});
  EXPECT_EQ(o.out, "card of dir\n") << o.err;
  EXPECT_EQ(fake_engine().card.license, "mit");
  EXPECT_EQ(fake_engine().card.base_model, "c/d");
  EXPECT_EQ(fake_engine().card.tags, (std::vector<std::string>{"ours", "small"}));
  const Outcome pull = run_swan({"pull", "hub/m", "--config", path("studio.yaml")});
  EXPECT_NE(pull.out.find("would be downloaded"), std::string::npos) << pull.out << pull.err;
}

}  // namespace
}  // namespace swan::cli
