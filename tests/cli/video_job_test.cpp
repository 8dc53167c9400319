#include "cli/video_job.h"

#include <fmt/format.h>
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
                                              "--sigma-schedule",
                                              "beta",
                                              "--sigmas",
                                              "1,0.75,.5,0.25,0.2,1e-1,0.05",
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
  EXPECT_EQ(job.request.sigma_schedule, "beta");
  EXPECT_EQ(job.request.sigmas, (std::vector<double>{1, 0.75, 0.5, 0.25, 0.2, 0.1, 0.05}));
  EXPECT_TRUE(job.request.timesteps.empty());
  EXPECT_EQ(job.request.seed, std::vector<uint64_t>{9});
  EXPECT_EQ(job.request.scheduler, "flow-euler");
  EXPECT_EQ(job.request.max_sequence_length, 77);
  EXPECT_TRUE(job.request.latents.defined());
  EXPECT_EQ(job.save_latents, "l.safetensors");
  EXPECT_EQ(job.save.fps, 23.976);
  EXPECT_EQ(job.save.crf, 60);
}

TEST_F(VideoJobTest, AListIsTheNumberOfSteps) {
  const VideoJob job = job_of({"a", "--timesteps", "1000,757,522"});
  EXPECT_EQ(job.request.num_inference_steps, 3);
  EXPECT_EQ(job.request.timesteps, (std::vector<double>{1000, 757, 522}));
  EXPECT_EQ(job_of({"a", "--timesteps", "1.5,1,0"}).request.num_inference_steps, 2);  // Sana-Sprint's end is no step
}

TEST_F(VideoJobTest, APresetIsOverriddenByOptions) {
  const VideoJob plain = job_of({"a", "--preset", "fastwan"});
  EXPECT_EQ(plain.request.num_inference_steps, 3);
  EXPECT_EQ(plain.request.guidance_scale, 1);
  EXPECT_EQ(plain.request.scheduler, "of fastwan");
  const VideoJob job = job_of({"a", "--preset", "fastwan", "--steps", "4", "--guidance-scale", "2"});
  EXPECT_EQ(job.request.num_inference_steps, 4);
  EXPECT_EQ(job.request.guidance_scale, 2);
  EXPECT_EQ(job.request.scheduler, "of fastwan");
}

// The settings of a file are replaced as a whole: a list by a number of steps, all of them by a preset.
TEST_F(VideoJobTest, ListsOfAFileAreReplaced) {
  fake_engine().video_metadata_error.reset();
  fake_engine().video_metadata = {{"swan", R"({"num_frames": 5})"}};
  VideoRequest& old = fake_engine().repeatable_video.request;
  old.prompt = {"a"};
  old.num_inference_steps = 2;
  old.sigmas = {1, 0.5};
  old.scheduler = "flow-euler";
  old.guidance_scale = 7;
  const auto request = [](const std::vector<std::string>& further) {
    std::vector<std::string> arguments = {"--from", "old.mp4"};
    arguments.insert(arguments.end(), further.begin(), further.end());
    return job_of(arguments).request;
  };
  EXPECT_EQ(request({}).sigmas, (std::vector<double>{1, 0.5}));
  EXPECT_TRUE(request({"--steps", "7"}).sigmas.empty());
  EXPECT_EQ(request({"--steps", "7"}).num_inference_steps, 7);
  const VideoRequest other = request({"--timesteps", "900,500,100"});
  EXPECT_TRUE(other.sigmas.empty());
  EXPECT_EQ(other.num_inference_steps, 3);
  EXPECT_EQ(other.scheduler, "flow-euler");
  const VideoRequest preset = request({"--preset", "fastwan"});
  EXPECT_EQ(preset.scheduler, "of fastwan");
  EXPECT_EQ(preset.num_inference_steps, 3);
  EXPECT_EQ(preset.guidance_scale, 1);
  EXPECT_TRUE(preset.sigmas.empty());
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
  for (const char* list : {"1,", ",1", "1,,0.5", "1, 0.5", "", "one", "nan", "inf"})
    for (const char* option : {"--sigmas", "--timesteps"})
      says({"a", option, list}, fmt::format("{} is '{}', but must be numbers with commas between them", option, list));
  says({"a", "--sigmas", "1,0.5", "--timesteps", "1000,500"}, "--sigmas and --timesteps cannot both be given");
  says({"a", "--sigmas", "1,0.5", "--steps", "3"}, "--sigmas has 2 values, but --steps is 3; leave --steps out");
  says({"a", "--timesteps", "1000", "--steps", "2"}, "--timesteps has 1 values, but --steps is 2");
  says({"a", "--sigma-schedule", "kerras"}, "did you mean karras?");
  says({"a", "--preset", "fast-wan"}, "did you mean fastwan?");
  says({"a", "--sampling-method", "euler"}, "did you mean --scheduler?");
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

TEST_F(VideoJobTest, FramesToStartFrom) {
  EXPECT_TRUE(job_of({"x"}).request.video.empty());
  const VideoRequest clip = job_of({"x", "--video", "fox.mp4", "--strength", "0.5", "--mask", "fox.png"}).request;
  EXPECT_EQ(clip.video.size(), 7U);
  EXPECT_EQ(clip.strength, 0.5);
  EXPECT_TRUE(clip.mask);
  EXPECT_EQ(job_of({"x", "--video", "fox.mp4", "--num-frames", "5"}).request.video.size(), 5U);
  const VideoRequest still = job_of({"x", "--image", "fox.png"}).request;
  ASSERT_EQ(still.video.size(), 1U);
  EXPECT_EQ(still.video[0].rgb, (std::vector<uint8_t>{9, 8, 7}));
  EXPECT_FALSE(still.strength || still.mask);
  const auto says = [](const std::vector<std::string>& arguments, const std::string& part) {
    EXPECT_NE(usage_message(arguments).find(part), std::string::npos) << usage_message(arguments);
  };
  says({"a", "--strength", "0.5"}, "--strength needs --video FILE");
  says({"a", "--mask", "fox.png"}, "--mask needs --video FILE");
  says({"a", "--video", "fox.mp4", "--image", "fox.png"}, "give one of them");
  says({"a", "--video", "fox.mp4", "--latents", "noise.safetensors"}, "give one of them");
  says({"a", "--video", "fox.mp4", "--strength", "2"}, "0 to 1");
  EXPECT_THROW((void)job_of({"x", "--video", "no.mp4"}), Error);
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
