#include "cli/video_job.h"

#include <gtest/gtest.h>

#include "cli/command_line.h"
#include "cli/values.h"
#include "fake_engine.h"
#include "usage_message.h"

namespace swan::cli {
namespace {

// The job of `swan video` with these arguments.
VideoJob job_of(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "video");
  const Arguments parsed = CommandLine().parse(arguments);
  EXPECT_EQ(parsed.command, Arguments::Command::kVideo);
  return make_video_job(parsed.video);
}

std::string usage_message(const std::vector<std::string>& arguments) {
  return usage_message_of("video", [&] { (void)job_of(arguments); });
}

class VideoJobTest : public ::testing::Test {
 protected:
  void SetUp() override { fake_engine() = {}; }
};

TEST_F(VideoJobTest, DefaultsAreThoseOfTheLibrary) {
  const VideoJob job = job_of({"a wave"});
  const VideoRequest defaults;
  EXPECT_EQ(job.request.prompt, std::vector<std::string>{"a wave"});
  EXPECT_EQ(job.request.negative_prompt, defaults.negative_prompt);
  EXPECT_FALSE(job.request.width || job.request.height || job.request.num_frames || job.request.num_inference_steps ||
               job.request.guidance_scale || job.request.flow_shift);
  EXPECT_EQ(job.request.num_videos_per_prompt, 1);
  EXPECT_EQ(job.request.max_sequence_length, 512);
  EXPECT_EQ(job.request.seed.size(), 1U);
  EXPECT_EQ(job.model, "");
  EXPECT_EQ(job.load.embed_cache.directory, "its cache");
  EXPECT_EQ(job.output, "out.mp4");
  EXPECT_EQ(job.save.fps, 16);
  EXPECT_FALSE(job.save.crf);
}

TEST_F(VideoJobTest, EveryOptionArrives) {
  const std::vector<std::string> arguments = {"--prompt",
                                              "a",
                                              "--negative-prompt",
                                              "b",
                                              "--model",
                                              "dir",
                                              "--variant",
                                              "fp16",
                                              "--dtype",
                                              "bf16",
                                              "--device",
                                              "cpu",
                                              "--threads",
                                              "3",
                                              "--embed-cache",
                                              "c",
                                              "-o",
                                              "x.WebM",
                                              "--width",
                                              "640",
                                              "--height=320",
                                              "-n",
                                              "2",
                                              "--num-frames",
                                              "13",
                                              "--steps",
                                              "7",
                                              "--guidance-scale",
                                              "-1.5",
                                              "--flow-shift",
                                              "5.5",
                                              "--seed",
                                              "9",
                                              "--scheduler",
                                              "flow-euler",
                                              "--max-sequence-length",
                                              "77",
                                              "--latents",
                                              "noise.safetensors",
                                              "--save-latents",
                                              "l.safetensors",
                                              "--fps",
                                              "23.976",
                                              "--crf",
                                              "60"};
  const VideoJob job = job_of(arguments);
  EXPECT_EQ(job.request.prompt, std::vector<std::string>{"a"});
  EXPECT_EQ(job.request.negative_prompt, std::vector<std::string>{"b"});
  EXPECT_EQ(job.model, "dir");
  EXPECT_EQ(job.load.variant, "fp16");
  EXPECT_EQ(job.load.dtype, "bf16");
  EXPECT_EQ(job.load.device, "cpu");
  EXPECT_EQ(job.load.embed_cache.directory, "c");
  EXPECT_EQ(job.threads, 3);
  EXPECT_EQ(job.output, "x.WebM");
  EXPECT_EQ(job.request.width, 640);
  EXPECT_EQ(job.request.height, 320);
  EXPECT_EQ(job.request.num_videos_per_prompt, 2);
  EXPECT_EQ(job.request.num_frames, 13);
  EXPECT_EQ(job.request.num_inference_steps, 7);
  EXPECT_EQ(job.request.guidance_scale, -1.5);
  EXPECT_EQ(job.request.flow_shift, 5.5);
  EXPECT_EQ(job.request.seed, std::vector<uint64_t>{9});
  EXPECT_EQ(job.request.scheduler, "flow-euler");
  EXPECT_EQ(job.request.max_sequence_length, 77);
  EXPECT_TRUE(job.request.latents.defined());
  EXPECT_EQ(job.save_latents, "l.safetensors");
  EXPECT_EQ(job.save.fps, 23.976);
  EXPECT_EQ(job.save.crf, 60);
}

TEST_F(VideoJobTest, WrongUsageIsExplained) {
  const auto says = [](const std::vector<std::string>& arguments, const std::string& text) {
    const std::string message = usage_message(arguments);
    EXPECT_NE(message.find(text), std::string::npos) << message;
  };
  says({}, "the prompt is missing; for example: swan video");
  says({"a", "b"}, "put the whole prompt in one pair of quotes");
  says({"a", "--num-frames", "0"}, "--num-frames is '0', but must be a whole number from 1 to 10000");
  says({"a", "--fps", "0"}, "--fps is '0', but must be a number from 0.01 to 1000");
  says({"a", "--fps", "nan"}, "--fps is 'nan'");
  says({"a", "--fps", "1001"}, "--fps is '1001'");
  says({"a", "--crf", "0"}, "--crf is '0', but must be a whole number from 1 to 51");
  says({"a", "--crf", "52"}, "--crf is '52'");
  says({"a", "--crf", "64", "-o", "x.webm"}, "from 1 to 63");
  says({"a", "--crf", "20", "-o", "x.gif"}, "--crf is for .mp4 and .webm, but the output is 'x.gif'");
  says({"a", "--crf", "20", "-o", "frames/"}, "--crf is for .mp4 and .webm");
  says({"a", "--flow-shift", "0"}, "--flow-shift is '0'");
  says({"a", "--flow-shift", "-1"}, "--flow-shift is '-1'");
  says({"a", "-n", "0"}, "--num-videos is '0'");
  says({"a", "-n", "3", "--seed", "1,2"}, "2 seeds for 3 videos");
  says({"a", "--frames", "5"}, "did you mean --num-frames?");
  says({"a", "--length", "5"}, "did you mean --num-frames?");
  says({"a", "--shift", "5"}, "did you mean --flow-shift?");
  says({"a", "--framerate", "5"}, "did you mean --fps?");
  says({"a", "--num-images", "5"}, "did you mean --num-videos?");
  says({"a", "--batch-size", "5"}, "did you mean --num-videos?");
  says({"a", "--complex-instruction", "none"}, "unknown option '--complex-instruction'; 'swan image' has it");
  says({"a", "--quiet", "--verbose"}, "contradict");
  says({"a", "-o", "x.mp4", "--save-latents", "x.mp4"}, "are the same file 'x.mp4'");
  says({"a", "--save-latents", "out.mp4"}, "are the same file 'out.mp4'");
  says({"a", "--embed-cache", ""}, "--embed-cache is empty");
  says({"a", "--save-latents", ""}, "--save-latents is empty");
  EXPECT_EQ(usage_message({"a", "-o", ""}), "") << "the library says what is wrong with it";
}

class RepeatVideoTest : public VideoJobTest {
 protected:
  void SetUp() override {
    VideoJobTest::SetUp();
    RepeatableVideoRequest& r = fake_engine().repeatable_video;
    r.model = "its model";
    r.request.prompt = {"old"};
    r.request.num_videos_per_prompt = 3;
    r.request.seed = {11};
    r.request.num_frames = 13;
    r.index = 2;
    fake_engine().video_metadata_error.reset();
    fake_engine().video_metadata = {{"swan", R"({"num_frames": 13, "fps": 24.5, "crf": 30})"}};
  }
};

TEST_F(RepeatVideoTest, TakesEverythingAndWritesThatVideo) {
  const VideoJob job = job_of({"--from", "old.mp4"});
  EXPECT_EQ(job.model, "its model");
  EXPECT_EQ(job.request.prompt, std::vector<std::string>{"old"});
  EXPECT_EQ(job.request.num_frames, 13);
  EXPECT_EQ(job.save.fps, 24.5);
  EXPECT_EQ(job.save.crf, 30);
  EXPECT_EQ(job.only, 2U);
  EXPECT_EQ(job.files(), 1U);
}

TEST_F(RepeatVideoTest, OtherOptionsOverride) {
  const VideoJob job = job_of({"--from", "old.mp4", "--fps", "8", "--crf", "12", "--num-frames", "5"});
  EXPECT_EQ(job.save.fps, 8);
  EXPECT_EQ(job.save.crf, 12);
  EXPECT_EQ(job.request.num_frames, 5);
  EXPECT_EQ(job.only, 2U);
  EXPECT_FALSE(job_of({"--from", "old.mp4", "-n", "2"}).only);
}

TEST_F(RepeatVideoTest, AFactorOfAnotherFormatIsNotTaken) {
  EXPECT_FALSE(job_of({"--from", "old.mp4", "-o", "new.webm"}).save.crf);
  EXPECT_FALSE(job_of({"--from", "old.mp4", "-o", "new.gif"}).save.crf);
  EXPECT_EQ(job_of({"--from", "old.MP4", "-o", "new.mp4"}).save.crf, 30);
  EXPECT_EQ(job_of({"--from", "old.mp4", "-o", "new.gif"}).save.fps, 24.5);
}

TEST_F(RepeatVideoTest, OddSettingsOfTheFileAreLeftOut) {
  fake_engine().video_metadata = {{"swan", R"({"num_frames": 13, "fps": "fast", "crf": [1]})"}};
  EXPECT_EQ(job_of({"--from", "old.mp4"}).save.fps, 16);
  fake_engine().video_metadata = {{"swan", "no JSON"}};
  EXPECT_EQ(job_of({"--from", "old.mp4"}).save.fps, 16);
}

TEST_F(RepeatVideoTest, FileSettingsAreWhatTheFileNeeds) {
  EXPECT_EQ(file_settings({}).dump(), R"({"fps":16.0})");
  EXPECT_EQ(file_settings({.fps = 24, .crf = 20}).dump(), R"({"fps":24.0,"crf":20})");
}

}  // namespace
}  // namespace swan::cli
