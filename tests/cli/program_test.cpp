#include "cli/program.h"

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "cli/cancel.h"
#include "fake_engine.h"
#include "run_program.h"
#include "swan/error.h"

namespace swan::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using namespace std::chrono_literals;

class Program : public ProgramFixture {
 protected:
  void SetUp() override {
    ProgramFixture::SetUp();
    output_ = path("out.png");
  }

  std::string output_;
};

TEST_F(Program, MakesAPictureAndSaysWhere) {
  const Outcome o = run_swan({"image", "a fox", "-o", output_, "--seed", "5", "--threads", "2"});
  EXPECT_EQ(o.code, kExitDone) << o.err;
  EXPECT_TRUE(o.out.starts_with(output_ + "\n")) << o.out;
  EXPECT_NE(o.out.find("seed     5\n"), std::string::npos) << o.out;
  EXPECT_NE(o.err.find("denoise 20/20"), std::string::npos) << o.err;
  EXPECT_TRUE(fs::exists(output_));
  EXPECT_EQ(fake_engine().threads, 2);
}

TEST_F(Program, JsonIsTheOnlyLine) {
  const Outcome o = run_swan({"image", "a fox", "-o", output_, "-n", "2", "--json"});
  EXPECT_EQ(o.code, kExitDone) << o.err;
  EXPECT_EQ(o.out.find('\n'), o.out.size() - 1);
  const json j = json::parse(o.out);
  EXPECT_EQ(j["files"], json({(folder_ / "out_0.png").string(), (folder_ / "out_1.png").string()}));
  EXPECT_EQ(j["seed"], fake_engine().request.seed.front());
  EXPECT_TRUE(j["seconds"].contains("total"));
}

TEST_F(Program, QuietSaysNothing) {
  const Outcome o = run_swan({"image", "a fox", "-o", output_, "--quiet"});
  EXPECT_EQ(o.code, kExitDone);
  EXPECT_EQ(o.out + o.err, "");
}

TEST_F(Program, RepeatingWritesTheOneThatWasAskedFor) {
  fake_engine().metadata = {{"swan", "{}"}};
  fake_engine().repeatable.request.prompt = {"old"};
  fake_engine().repeatable.request.num_images_per_prompt = 3;
  fake_engine().repeatable.index = 1;
  const Outcome o = run_swan({"image", "--from", "old.png", "-o", output_});
  EXPECT_EQ(o.code, kExitDone) << o.err;
  EXPECT_EQ(fake_engine().saved, std::vector<std::string>{output_});
  std::ifstream file(output_);
  const std::string content((std::istreambuf_iterator<char>(file)), {});
  EXPECT_NE(content.find("\"index\": 1"), std::string::npos) << content;
}

TEST_F(Program, NothingRunsWhenTheOutputCannotBe) {
  for (const std::string& output : {(folder_ / "out.bmp").string(), (folder_ / "none/out.png").string()}) {
    EXPECT_NE(run_swan({"image", "x", "-o", output}).code, kExitDone) << output;
  }
  EXPECT_NE(run_swan({"image", "x", "-o", output_, "--save-latents", (folder_ / "none/l").string()}).code, kExitDone);
  EXPECT_EQ(fake_engine().generated, 0);
  EXPECT_EQ(files(), 0U);
}

TEST_F(Program, SavesLatentsBesideThePicture) {
  const std::string latents = (folder_ / "l.safetensors").string();
  const Outcome o = run_swan({"image", "x", "-o", output_, "--save-latents", latents, "--json"});
  EXPECT_EQ(o.code, kExitDone) << o.err;
  EXPECT_EQ(json::parse(o.out)["latents"], latents);
  EXPECT_EQ(files(), 2U);
}

TEST_F(Program, EveryKindOfFailureHasItsExitCode) {
  const std::vector<std::pair<ErrorCode, int>> codes = {
      {ErrorCode::kInvalidArgument, kExitUsage}, {ErrorCode::kNotFound, kExitFailed},
      {ErrorCode::kCorruptFile, kExitFailed},    {ErrorCode::kMissingTensor, kExitFailed},
      {ErrorCode::kShapeMismatch, kExitFailed},  {ErrorCode::kUnsupported, kExitFailed},
      {ErrorCode::kOutOfMemory, kExitFailed},    {ErrorCode::kIo, kExitFailed},
      {ErrorCode::kNumerical, kExitFailed},      {ErrorCode::kCancelled, kExitCancelled},
      {ErrorCode::kInternal, kExitFailed}};
  for (const auto& [code, expected] : codes) {
    fake_engine().during = [code = code](const ImageRequest&, const Callbacks&) { throw Error(code, "what and why"); };
    const Outcome o = run_swan({"image", "x", "-o", output_, "--json", "--quiet"});
    EXPECT_EQ(o.code, expected) << error_code_name(code);
    EXPECT_EQ(o.err, "swan: what and why\n");
    EXPECT_EQ(json::parse(o.out), json({{"error", {{"code", error_code_name(code)}, {"message", "what and why"}}}}));
    EXPECT_EQ(files(), 0U);
  }
}

TEST_F(Program, OtherExceptionsDoNotEscape) {
  fake_engine().during = [](const ImageRequest&, const Callbacks&) { throw std::bad_alloc(); };
  Outcome o = run_swan({"image", "x", "-o", output_});
  EXPECT_EQ(o.code, kExitFailed);
  EXPECT_NE(o.err.find("out of memory"), std::string::npos);
  fake_engine().during = [](const ImageRequest&, const Callbacks&) { throw std::runtime_error("boom"); };
  o = run_swan({"image", "x", "-o", output_});
  EXPECT_EQ(o.code, kExitFailed);
  EXPECT_NE(o.err.find("internal error: boom"), std::string::npos);
}

TEST_F(Program, CtrlCStopsWithoutAPicture) {
  fake_engine().during = [](const ImageRequest&, const Callbacks& callbacks) {
    ASSERT_NE(callbacks.cancel, nullptr);
    EXPECT_FALSE(callbacks.cancel->load());
    kill(getpid(), SIGINT);
    for (int i = 0; i < 1000 && !callbacks.cancel->load(); ++i) std::this_thread::sleep_for(10ms);
    EXPECT_TRUE(callbacks.cancel->load());
    // Returns as if the signal came after the last step.
  };
  const Outcome o = run_swan({"image", "x", "-o", output_, "--json"});
  EXPECT_EQ(o.code, kExitCancelled);
  EXPECT_NE(o.err.find("stopping"), std::string::npos);
  EXPECT_EQ(json::parse(o.out)["error"]["code"], "cancelled");
  EXPECT_EQ(files(), 0U);
}

TEST_F(Program, SecondCtrlCEndsAtOnce) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");  // a forked child would lack the thread that takes the signals
  fake_engine().during = [](const ImageRequest&, const Callbacks& callbacks) {
    kill(getpid(), SIGINT);
    for (int i = 0; i < 1000 && !callbacks.cancel->load(); ++i) std::this_thread::sleep_for(10ms);
    kill(getpid(), SIGTERM);
    std::this_thread::sleep_for(10s);
    std::abort();  // not reached
  };
  const std::vector<const char*> argv = {"swan", "image", "x", "-o", output_.c_str()};
  EXPECT_EXIT((void)run(static_cast<int>(argv.size()), argv.data()), ::testing::ExitedWithCode(kExitCancelled),
              "stopping");
}

TEST_F(Program, AFailedSaveNamesThePicturesThatAreComplete) {
  fake_engine().saving = [](const std::string& path) {
    if (path.ends_with("_2.png")) throw Error(ErrorCode::kIo, "cannot write it: No space left on device.");
  };
  const Outcome o = run_swan({"image", "x", "-o", output_, "-n", "4"});
  EXPECT_EQ(o.code, kExitFailed);
  EXPECT_NE(o.err.find("No space left on device. The pictures before it are complete: "), std::string::npos) << o.err;
  EXPECT_EQ(files(), 2U);
}

TEST_F(Program, UsageErrorsPointToTheRightHelp) {
  const auto expect = [](const std::vector<std::string>& arguments, const std::string& message,
                         const std::string& help) {
    const Outcome o = run_swan(arguments);
    EXPECT_EQ(o.code, kExitUsage);
    EXPECT_EQ(o.out, "");
    EXPECT_EQ(o.err, "swan: " + message + "\nRun 'swan " + help + "' for help.\n");
  };
  expect({}, "a command is missing: image, video, embed, info, convert, pull, push, card, config, serve or completion",
         "--help");
  expect({"imgae", "x"}, "unknown command 'imgae'; did you mean 'swan image'?", "--help");
  expect({"zzz"},
         "unknown command 'zzz'; there are image, video, embed, info, convert, pull, push, card, config, serve and "
         "completion",
         "--help");
  expect({"a red apple"}, "unknown command 'a red apple'; to draw it: swan image \"...\"", "--help");
  expect({"--versoin"}, "unknown option '--versoin'; did you mean --version?", "--help");
  expect({"--seed", "3", "image", "x"}, "'--seed' is an option of 'swan image'; put it after the command", "--help");
  expect({"info", "a", "b"}, "unexpected argument 'b'", "info --help");
  expect({"info", "--jsn"}, "unknown option '--jsn'; did you mean --json?", "info --help");
  expect({"completion"}, "the shell is missing: bash, zsh or fish", "completion --help");
  expect({"completion", "tcsh"}, "there is no completion for 'tcsh'; there is for bash, zsh and fish",
         "completion --help");
  expect({"image", "\xFFx"},
         "argument 2 is not UTF-8 at byte 0; use a UTF-8 terminal or locale, or convert the text with iconv", "--help");
}

TEST_F(Program, UsageErrorsAreJsonOnRequest) {
  const Outcome o = run_swan({"image", "x", "--steps", "none", "--json"});
  EXPECT_EQ(o.code, kExitUsage);
  EXPECT_EQ(json::parse(o.out)["error"]["code"], "usage");
  // Behind "--" it is a prompt.
  EXPECT_EQ(run_swan({"image", "--steps", "none", "--", "--json"}).out, "");
}

TEST_F(Program, HelpAndVersionGoToStandardOutput) {
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{{"--help"},
                                                                                         {"-h"},
                                                                                         {"image", "--help"},
                                                                                         {"image", "-h", "--bad"},
                                                                                         {"info", "--help"},
                                                                                         {"completion", "--help"},
                                                                                         {"--version"}}) {
    const Outcome o = run_swan(arguments);
    EXPECT_EQ(o.code, kExitDone);
    EXPECT_EQ(o.err, "");
    EXPECT_FALSE(o.out.empty());
  }
}

TEST_F(Program, InfoFailsWhenIncomplete) {
  fake_engine().info.components = {{.name = "vae",
                                    .class_name = "AutoencoderDC",
                                    .files = {},
                                    .missing = {},
                                    .parameters_by_dtype = {},
                                    .parameters = 1,
                                    .bytes = 4}};
  EXPECT_EQ(run_swan({"info", "dir"}).code, kExitDone);
  EXPECT_EQ(fake_engine().inspected, "dir");
  EXPECT_EQ(run_swan({"info"}).code, kExitDone);
  EXPECT_EQ(fake_engine().inspected, "embedded");
  fake_engine().info.components[0].missing = {"vae/config.json"};
  const Outcome o = run_swan({"info", "dir", "--json"});
  EXPECT_EQ(o.code, kExitFailed);
  EXPECT_EQ(json::parse(o.out)["complete"], false);
}

}  // namespace
}  // namespace swan::cli
