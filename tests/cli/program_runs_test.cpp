#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/cancel.h"
#include "run_program.h"

namespace swan::cli {
namespace {

using nlohmann::json;

// Commands that make the pipeline run several times, on the fake engine.
class ProgramRuns : public ProgramFixture {
 protected:
  static float mark(const PromptEmbeddings& embeddings) { return embeddings.embeds.data<float>()[0]; }
};

TEST_F(ProgramRuns, EveryLineIsTheRunOfItsOwn) {
  const std::string list = write("list.txt", "one\n# no\ntwo\nthree\n");
  const Outcome o =
      run_swan({"image", "--prompts", list, "--seed", "7", "-n", "2", "-o", path("a.png"), "--json", "--save-latents",
                path("l"), "--negative-prompt", "x", "--negative-prompt", "y", "--negative-prompt", "z"});
  ASSERT_EQ(o.code, kExitDone) << o.err;
  ASSERT_EQ(fake_engine().requests.size(), 3U);
  const std::vector<std::string> prompts = {"one", "two", "three"};
  const std::vector<std::string> negatives = {"x", "y", "z"};
  for (size_t i = 0; i < 3; ++i) {
    const ImageRequest& request = fake_engine().requests[i];
    EXPECT_EQ(request.prompt, std::vector<std::string>{prompts[i]});
    EXPECT_EQ(request.negative_prompt, std::vector<std::string>{negatives[i]});
    EXPECT_EQ(request.seed, std::vector<uint64_t>{7});
    EXPECT_EQ(request.num_images_per_prompt, 2);
    EXPECT_FALSE(request.prompt_embeds.defined());
  }
  const json j = json::parse(o.out);
  EXPECT_EQ(j["files"].size(), 6U);
  EXPECT_EQ(j["files"][5], path("a_5.png"));
  EXPECT_EQ(j["prompt"], json(prompts));
  EXPECT_EQ(j["seconds"]["encode"], 0.75) << "of all runs together";
  EXPECT_EQ(content("l"), "latents [6, 1, 2, 2]");
  EXPECT_NE(o.err.find("[2/3] denoise"), std::string::npos) << o.err;
}

TEST_F(ProgramRuns, ALineEachHasItsSeeds) {
  const std::string list = write("list.txt", "one\ntwo\n");
  ASSERT_EQ(run_swan({"video", "--prompts", list, "--seed", "1,2,3,4", "-o", path("a.mp4")}).code, kExitDone);
  ASSERT_EQ(fake_engine().video_requests.size(), 2U);
  EXPECT_EQ(fake_engine().video_requests[0].seed, (std::vector<uint64_t>{1, 2}));
  EXPECT_EQ(fake_engine().video_requests[1].seed, (std::vector<uint64_t>{3, 4}));
  EXPECT_EQ(fake_engine().video_requests[1].num_videos_per_prompt, 2);
  EXPECT_EQ(files(), 5U);
}

TEST_F(ProgramRuns, AFailureNamesTheLineAndWhatIsComplete) {
  const std::string list = write("list.txt", "one\n\ntwo\n\nthree\n");
  fake_engine().during = [](const ImageRequest& request, const Callbacks&) {
    if (request.prompt.front() == "three") throw Error(ErrorCode::kNumerical, "NaN in step 3.");
  };
  Outcome o = run_swan({"image", "--prompts", list, "-o", path("a.png"), "--quiet"});
  EXPECT_EQ(o.code, kExitFailed);
  EXPECT_EQ(o.err, "swan: line 5 of '" + list + "': NaN in step 3. The pictures before it are complete: " +
                       path("a_0.png") + " to " + path("a_1.png") + ".\n");
  EXPECT_EQ(files(), 3U);
  fake_engine().during_video = [](const VideoRequest& request, const Callbacks&) {
    if (request.prompt.front() == "two") throw Error(ErrorCode::kCancelled, "cancelled.");
  };
  o = run_swan({"video", "--prompts", list, "-o", path("a.mp4"), "--quiet"});
  EXPECT_EQ(o.code, kExitCancelled);
  EXPECT_EQ(o.err, "swan: cancelled. The video before it is complete: " + path("a_0.mp4") + ".\n");
}

TEST_F(ProgramRuns, InterpolationEmbedsOnceAndGoesFromEndToEnd) {
  const Outcome o = run_swan({"image", "1", "--prompt-to", "12345", "--interpolate", "5", "--seed", "7", "-o",
                              path("a.png"), "--json", "--negative-prompt", "fog", "--complex-instruction", "none"});
  ASSERT_EQ(o.code, kExitDone) << o.err;
  ASSERT_EQ(fake_engine().embedded.size(), 2U);
  EXPECT_EQ(fake_engine().embedded[0].prompt, (std::vector<std::string>{"1", "12345"}));
  EXPECT_EQ(fake_engine().embedded[1].prompt, std::vector<std::string>{"fog"});
  ASSERT_EQ(fake_engine().requests.size(), 5U);
  for (size_t i = 0; i < 5; ++i) {
    const ImageRequest& request = fake_engine().requests[i];
    EXPECT_TRUE(request.prompt.empty());
    EXPECT_EQ(mark(request.prompt_embeds), 1.0F + static_cast<float>(i));
    EXPECT_EQ(mark(request.negative_prompt_embeds), 3.0F);
    EXPECT_EQ(request.seed, std::vector<uint64_t>{7});
  }
  const json j = json::parse(o.out);
  EXPECT_EQ(j["files"].size(), 5U);
  EXPECT_EQ(j["prompt_to"], "12345");
  EXPECT_EQ(j["interpolate"], 5);
  EXPECT_EQ(j["interpolation"], "linear");
  EXPECT_NE(content("a_1.png").find(R"("position":0.25,"method":"linear")"), std::string::npos) << content("a_1.png");
}

TEST_F(ProgramRuns, AModelWithoutANegativePromptIsGivenNone) {
  fake_engine().image_defaults = {.num_inference_steps = 2, .negative_prompt = false};
  const Outcome o = run_swan({"image", "1", "--prompt-to", "12", "--interpolate", "2", "-o", path("a.png"), "--json"});
  ASSERT_EQ(o.code, kExitDone) << o.err;
  EXPECT_EQ(fake_engine().embedded.size(), 1U);
  ASSERT_EQ(fake_engine().requests.size(), 2U);
  EXPECT_FALSE(fake_engine().requests[1].negative_prompt_embeds.defined());
  EXPECT_FALSE(fake_engine().requests[1].num_inference_steps) << "the model decides";
  EXPECT_EQ(json::parse(o.out)["steps"], 2);
}

TEST_F(ProgramRuns, InterpolationOfVideosMayBeSpherical) {
  const Outcome o = run_swan({"video", "1", "--prompt-to", "123", "--interpolate", "3", "--interpolation", "spherical",
                              "-o", path("a.mp4"), "--guidance-scale", "1", "--max-sequence-length", "9"});
  ASSERT_EQ(o.code, kExitDone) << o.err;
  ASSERT_EQ(fake_engine().embedded.size(), 1U) << "without guidance no negative prompt is needed";
  EXPECT_EQ(fake_engine().embedded[0].max_sequence_length, 9);
  ASSERT_EQ(fake_engine().video_requests.size(), 3U);
  EXPECT_EQ(mark(fake_engine().video_requests[0].prompt_embeds), 1.0F);
  EXPECT_EQ(mark(fake_engine().video_requests[1].prompt_embeds), 1002.0F);
  EXPECT_EQ(mark(fake_engine().video_requests[2].prompt_embeds), 3.0F);
  EXPECT_EQ(files(), 3U);
}

TEST_F(ProgramRuns, BlockedPicturesAreNotWritten) {
  const std::string list = write("list.txt", "one\ntwo\n");
  fake_engine().blocks = [](int64_t picture, int64_t) { return picture == 1; };
  const json j = json::parse(run_swan({"image", "--prompts", list, "-n", "2", "-o", path("a.png"), "--json"}).out);
  EXPECT_EQ(j["blocked"], json({1, 3}));
  EXPECT_EQ(j["files"], json({path("a_0.png"), path("a_2.png")}));
}

TEST_F(ProgramRuns, GivenEmbeddingsAreReported) {
  const json j =
      json::parse(run_swan({"image", "--prompt-embeds", "embeds.safetensors", "-o", path("a.png"), "--json"}).out);
  EXPECT_EQ(j["prompt_embeds"], "embeds.safetensors");
  EXPECT_EQ(j["prompt"], json::array());
}

// `swan embed`

TEST_F(ProgramRuns, EmbedWritesARowForEachPrompt) {
  const Outcome o = run_swan({"embed", "a", "[b, c]", "image", "--prompt", "d", "-o", path("e"), "--json",
                              "--max-sequence-length", "33", "--complex-instruction", "none", "--embed-cache", "off"});
  ASSERT_EQ(o.code, kExitDone) << o.err;
  const json j = json::parse(o.out);
  EXPECT_EQ(j["files"], json({path("e")}));
  EXPECT_EQ(j["prompt"], json({"a", "[b, c]", "image", "d"}));
  EXPECT_EQ(j["shape"], json({4, 4, 2}));
  EXPECT_EQ(j["tokens"], json({1, 1, 1, 1}));
  EXPECT_EQ(j["kind"], "image");
  EXPECT_EQ(j["model"], "embedded");
  EXPECT_EQ(content("e"), "[4, 4, 2]");
  ASSERT_EQ(fake_engine().embedded.size(), 1U);
  EXPECT_EQ(fake_engine().embedded[0].max_sequence_length, 33);
  ASSERT_TRUE(fake_engine().embedded[0].complex_human_instruction);
  EXPECT_EQ(fake_engine().load.embed_cache.directory, "");
}

TEST_F(ProgramRuns, EmbedTakesNegativePromptsToo) {
  const Outcome o = run_swan({"embed", "a", "b", "--negative-prompt", "c", "-o", path("e")});
  EXPECT_EQ(content("e"), "[2, 4, 2][2, 4, 2]");
  EXPECT_NE(o.out.find("  prompts  2, and 1 negative\n  shape    [2, 4, 2]\n  tokens   1, 1\n"), std::string::npos)
      << o.out;
  ASSERT_EQ(fake_engine().embedded.size(), 2U);
  EXPECT_FALSE(fake_engine().embedded[0].complex_human_instruction);
  EXPECT_TRUE(fake_engine().embedded[1].complex_human_instruction) << "none before a negative prompt";
}

TEST_F(ProgramRuns, EmbedFindsTheKindOfTheModel) {
  ASSERT_EQ(run_swan({"embed", "a", "-o", path("e"), "--kind", "video"}).code, kExitDone);
  EXPECT_EQ(fake_engine().embedded.back().max_sequence_length, 512);
  fake_engine().kind = "video";
  const json j = json::parse(run_swan({"embed", "a", "-o", path("e"), "--model", "dir", "--json"}).out);
  EXPECT_EQ(j["kind"], "video");
  EXPECT_EQ(j["model"], "dir");
  EXPECT_EQ(fake_engine().model, "dir");
}

TEST_F(ProgramRuns, WrongUsageOfEmbedIsExplained) {
  fake_engine().kind = "video";
  const auto says = [&](std::vector<std::string> arguments, const std::string& text) {
    arguments.insert(arguments.begin(), {"embed"});
    const Outcome o = run_swan(arguments);
    EXPECT_EQ(o.code, kExitUsage);
    EXPECT_NE(o.err.find(text), std::string::npos) << o.err;
    EXPECT_NE(o.err.find("swan embed --help"), std::string::npos) << o.err;
  };
  says({}, "the prompt is missing; for example: swan embed");
  says({"a", "--kind", "picture"}, "--kind is 'picture', but must be one of image, video");
  says({"a", "--kind", "image", "--model", "dir"}, "the model 'dir' is for videos; leave --kind out");
  says({"a", "--complex-instruction", "none", "--model", "dir"}, "--complex-instruction is for models of pictures");
  says({"a", "b", "--negative-prompt", "c", "--negative-prompt", "d", "--negative-prompt", "e"},
       "3 negative prompts for 2 prompts");
  says({"a", "--seed", "3"}, "unknown option '--seed'");
  EXPECT_EQ(run_swan({"embed", "a", "-o", path("none/e")}).code, kExitFailed);
  EXPECT_TRUE(fake_engine().embedded.empty());
}

TEST_F(ProgramRuns, EmbedTakesPromptsThatLookLikeOptions) {
  EXPECT_EQ(run_swan({"embed", "--quiet", "--", "--dashes", "-x"}).code, kExitDone);
  EXPECT_EQ(fake_engine().embedded.back().prompt, (std::vector<std::string>{"--dashes", "-x"}));
  std::filesystem::remove("out.safetensors");
}

}  // namespace
}  // namespace swan::cli
