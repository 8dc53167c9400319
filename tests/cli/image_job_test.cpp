#include "cli/image_job.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "cli/command_line.h"
#include "cli/values.h"
#include "fake_engine.h"
#include "swan/error.h"
#include "usage_message.h"

namespace swan::cli {
namespace {

// The job of `swan image` with these arguments.
ImageJob job_of(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "image");
  CommandLine command_line;
  const Arguments parsed = command_line.parse(arguments);
  EXPECT_EQ(parsed.command, Arguments::Command::kImage);
  return make_image_job(parsed.image);
}

std::string usage_message(const std::vector<std::string>& arguments) {
  return usage_message_of("image", [&] { (void)job_of(arguments); });
}

class ImageJobTest : public ::testing::Test {
 protected:
  void SetUp() override { fake_engine() = {}; }
};

TEST_F(ImageJobTest, DefaultsAreThoseOfTheLibrary) {
  const ImageJob job = job_of({"a fox"});
  const ImageRequest defaults;
  EXPECT_EQ(job.request.prompt, std::vector<std::string>{"a fox"});
  EXPECT_EQ(job.request.negative_prompt, defaults.negative_prompt);
  EXPECT_FALSE(job.request.width || job.request.height);
  EXPECT_FALSE(job.request.num_inference_steps);
  EXPECT_FALSE(job.request.image || job.request.strength || job.request.max_timesteps ||
               job.request.intermediate_timesteps);
  EXPECT_EQ(job.request.guidance_scale, defaults.guidance_scale);
  EXPECT_EQ(job.request.num_images_per_prompt, 1);
  EXPECT_EQ(job.request.seed.size(), 1U);
  EXPECT_LE(job.request.seed.front(), UINT32_MAX);
  EXPECT_FALSE(job.request.complex_human_instruction);
  EXPECT_EQ(job.request.max_sequence_length, defaults.max_sequence_length);
  EXPECT_TRUE(job.request.use_resolution_binning);
  EXPECT_FALSE(job.request.latents.defined());
  EXPECT_EQ(job.model, "");
  EXPECT_EQ(job.load.dtype, "auto");
  EXPECT_EQ(job.load.device, "auto");
  EXPECT_EQ(job.output, "out.png");
  EXPECT_FALSE(job.only);
  EXPECT_EQ(job.files(), 1U);
}

TEST_F(ImageJobTest, EveryDtypeArrives) {
  for (const char* dtype : {"auto", "f32", "bf16", "f16", "fp8"})
    EXPECT_EQ(job_of({"--prompt", "a", "--dtype", dtype}).load.dtype, dtype);
}

TEST_F(ImageJobTest, EveryOptionArrives) {
  const ImageJob job = job_of({"--prompt",
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
                               "-o",
                               "x.webp",
                               "--width",
                               "640",
                               "--height=320",
                               "-n",
                               "2",
                               "--steps",
                               "7",
                               "--guidance-scale",
                               "-1.5",
                               "--seed",
                               "9",
                               "--scheduler",
                               "flow-euler",
                               "--complex-instruction",
                               "none",
                               "--max-sequence-length",
                               "77",
                               "--latents",
                               "noise.safetensors",
                               "--save-latents",
                               "l.safetensors",
                               "--no-resolution-binning"});
  EXPECT_EQ(job.request.prompt, std::vector<std::string>{"a"});
  EXPECT_EQ(job.request.negative_prompt, std::vector<std::string>{"b"});
  EXPECT_EQ(job.model, "dir");
  EXPECT_EQ(job.load.variant, "fp16");
  EXPECT_EQ(job.load.dtype, "bf16");
  EXPECT_EQ(job.load.device, "cpu");
  EXPECT_EQ(job.threads, 3);
  EXPECT_EQ(job.output, "x.webp");
  EXPECT_EQ(job.request.width, 640);
  EXPECT_EQ(job.request.height, 320);
  EXPECT_EQ(job.request.num_images_per_prompt, 2);
  EXPECT_EQ(job.request.num_inference_steps, 7);
  EXPECT_EQ(job.request.guidance_scale, -1.5);
  EXPECT_EQ(job.request.seed, std::vector<uint64_t>{9});
  EXPECT_EQ(job.request.scheduler, "flow-euler");
  ASSERT_TRUE(job.request.complex_human_instruction);
  EXPECT_TRUE(job.request.complex_human_instruction->empty());
  EXPECT_EQ(job.request.max_sequence_length, 77);
  EXPECT_EQ(job.request.latents.shape(), (Shape{1, 4, 2, 2}));
  EXPECT_EQ(job.save_latents, "l.safetensors");
  EXPECT_FALSE(job.request.use_resolution_binning);
}

TEST_F(ImageJobTest, TheOptionsOfSprintArrive) {
  const ImageRequest r = job_of({"x", "--image", "fox.png", "--strength", "0.25", "--max-timesteps", "1.5",
                                 "--intermediate-timesteps", "1.1"})
                             .request;
  ASSERT_TRUE(r.image);
  EXPECT_EQ(r.image->rgb, (std::vector<uint8_t>{9, 8, 7}));
  EXPECT_EQ(r.strength, 0.25);
  EXPECT_FALSE(r.mask);
  const ImageRequest masked = job_of({"x", "--image", "fox.png", "--mask", "fox.png"}).request;
  ASSERT_TRUE(masked.mask);
  EXPECT_EQ(masked.mask->rgb, (std::vector<uint8_t>{9, 8, 7}));
  EXPECT_EQ(job_of({"x", "--vae", "other"}).load.vae, "other");
  EXPECT_EQ(job_of({"x", "--vae", "none"}).load.vae, "");
  EXPECT_EQ(r.max_timesteps, 1.5);
  EXPECT_EQ(r.intermediate_timesteps, 1.1);
  EXPECT_EQ(job_of({"x", "--intermediate-timesteps", "none"}).request.intermediate_timesteps, 0);
  EXPECT_FALSE(job_of({"x", "--image", "fox.png"}).request.strength);
  EXPECT_THROW((void)job_of({"x", "--image", "no.png"}), Error);
}

TEST_F(ImageJobTest, LorasArrive) {
  const auto loras = [](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "x");
    return job_of(std::move(arguments)).load.lora;
  };
  using Loras = std::vector<Lora>;
  EXPECT_EQ(loras({}), Loras());
  EXPECT_EQ(loras({"--lora", "a.safetensors"}), (Loras{{"a.safetensors", 1}}));
  EXPECT_EQ(loras({"--lora", "a:0.8", "--lora", "dir/:-1e-1", "--lora", "b:2"}),
            (Loras{{"a", 0.8}, {"dir/", -0.1}, {"b", 2}}));
  EXPECT_EQ(loras({"--lora", "c:\\a:b", "--lora", "http://x", "--lora", "a:", "--lora", "a:1:2"}),
            (Loras{{"c:\\a:b", 1}, {"http://x", 1}, {"a:", 1}, {"a:1", 2}}));
  const LoadOptions load = job_of({"x", "--lora", "a", "--lora-lenient", "--fuse-lora"}).load;
  EXPECT_TRUE(load.lora_lenient && load.fuse_lora);
  EXPECT_FALSE(job_of({"x", "--lora", "a"}).load.lora_lenient || job_of({"x", "--lora", "a"}).load.fuse_lora);

  for (const auto& [arguments, part] : std::initializer_list<std::pair<std::vector<std::string>, const char*>>{
           {{"x", "--lora", ""}, "--lora is empty"},
           {{"x", "--lora", ":1"}, "--lora is empty"},
           {{"x", "--lora", "a:1e9"}, "--lora FILE:SCALE"},
           {{"x", "--lora", "a:1.2.3"}, "--lora FILE:SCALE"},
           {{"x", "--lora", "a:+2"}, "--lora FILE:SCALE"},
           {{"x", "--lora", "none", "--lora", "a"}, "none stands alone"},
           {{"x", "--fuse-lora"}, "--fuse-lora needs --lora"},
           {{"x", "--lora-lenient"}, "--lora-lenient needs --lora"}})
    EXPECT_NE(usage_message(arguments).find(part), std::string::npos) << part << ": " << usage_message(arguments);
}

TEST_F(ImageJobTest, LorasOfASettingsFileCanBeReplacedAndLeftOut) {
  fake_engine().metadata = {{"swan", "{}"}};
  fake_engine().repeatable.request.prompt = {"x"};
  fake_engine().repeatable.load.lora = {{"old", 0.5}};
  using Loras = std::vector<Lora>;
  EXPECT_EQ(job_of({"--from", "f.png"}).load.lora, (Loras{{"old", 0.5}}));
  EXPECT_EQ(job_of({"--from", "f.png", "--lora", "new"}).load.lora, (Loras{{"new", 1}}));
  EXPECT_EQ(job_of({"--from", "f.png", "--lora", "none"}).load.lora, Loras());
  EXPECT_TRUE(job_of({"--from", "f.png", "--fuse-lora"}).load.fuse_lora);
}

TEST_F(ImageJobTest, TheOptionsOfPerturbedAttentionArrive) {
  const ImageRequest r =
      job_of({"x", "--pag-scale", "2.5", "--pag-adaptive-scale", "0.01", "--pag-layers", "blocks.(1|2)"}).request;
  EXPECT_EQ(r.pag_scale, 2.5);
  EXPECT_EQ(r.pag_adaptive_scale, 0.01);
  EXPECT_EQ(r.pag_applied_layers, std::vector<std::string>{"blocks.(1|2)"});
  const ImageRequest plain = job_of({"x"}).request;
  EXPECT_FALSE(plain.pag_scale || plain.pag_adaptive_scale);
  EXPECT_TRUE(plain.pag_applied_layers.empty());
}

TEST_F(ImageJobTest, TheOptionsOfControlNetsArrive) {
  const ImageJob job = job_of({"x", "--controlnet", "edges", "--control-image", "fox.png", "--control-preprocess",
                               "canny", "--control-scale", "0.5", "--save-control", "seen.png"});
  EXPECT_EQ(job.load.controlnet, "edges");
  ASSERT_TRUE(job.request.control_image);
  EXPECT_EQ(job.request.control_image->rgb, (std::vector<uint8_t>{9, 8, 7}));
  EXPECT_EQ(job.request.control_preprocess, ControlPreprocess::kCanny);
  EXPECT_EQ(job.request.controlnet_conditioning_scale, 0.5);
  EXPECT_EQ(job.save_control, "seen.png");
  const ImageJob plain = job_of({"x", "--control-image", "fox.png", "--control-preprocess", "none"});
  EXPECT_EQ(plain.load.controlnet, "");  // the repository's
  EXPECT_EQ(plain.request.control_preprocess, ControlPreprocess::kNone);
  EXPECT_FALSE(plain.request.controlnet_conditioning_scale);
  EXPECT_EQ(plain.save_control, "");
  EXPECT_FALSE(job_of({"x"}).request.control_image);
  EXPECT_THROW((void)job_of({"x", "--control-image", "no.png"}), Error);
}

TEST_F(ImageJobTest, PromptsOfAnyLookStayWhole) {
  for (const char* prompt : {"", " ", "[a, b]", "{}", "a,b", "%%", "info", "image", "a=b", "\"quoted\"", "-", "/x",
                             "一只红色的狐狸 🦊", "two\nlines"}) {
    EXPECT_EQ(job_of({prompt}).request.prompt, std::vector<std::string>{prompt});
    EXPECT_EQ(job_of({"--prompt", prompt}).request.prompt, std::vector<std::string>{prompt});
    EXPECT_EQ(job_of({std::string("--prompt=") + prompt}).request.prompt, std::vector<std::string>{prompt});
    EXPECT_EQ(job_of({"x", "--negative-prompt", prompt}).request.negative_prompt, std::vector<std::string>{prompt});
  }
  EXPECT_EQ(job_of({"--steps", "3", "--", "--dashes"}).request.prompt, std::vector<std::string>{"--dashes"});
  EXPECT_EQ(job_of({"--prompt=--dashes"}).request.prompt, std::vector<std::string>{"--dashes"});
  // An empty value does not swallow what follows.
  const ImageJob job = job_of({"x", "--negative-prompt=", "--steps", "3"});
  EXPECT_EQ(job.request.negative_prompt, std::vector<std::string>{""});
  EXPECT_EQ(job.request.num_inference_steps, 3);
}

TEST_F(ImageJobTest, SeveralPrompts) {
  const ImageJob job = job_of({"--prompt", "a", "--prompt", "b", "--negative-prompt", "c", "-n", "3"});
  EXPECT_EQ(job.request.prompt, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(job.files(), 6U);
  EXPECT_NE(usage_message({"--prompt", "a", "--negative-prompt", "c", "--negative-prompt", "d"})
                .find("2 negative prompts for 1 prompt;"),
            std::string::npos);
}

TEST_F(ImageJobTest, SeedsAndPicturesAgree) {
  EXPECT_EQ(job_of({"x", "--seed", "1,2,3"}).request.num_images_per_prompt, 3);
  EXPECT_EQ(job_of({"--prompt", "a", "--prompt", "b", "--seed", "1,2"}).request.num_images_per_prompt, 1);
  EXPECT_EQ(job_of({"x", "-n", "2", "--seed", "1,2"}).request.seed, (std::vector<uint64_t>{1, 2}));
  EXPECT_NE(usage_message({"x", "-n", "3", "--seed", "1,2"}).find("2 seeds for 3 pictures"), std::string::npos);
  EXPECT_NE(usage_message({"--prompt", "a", "--prompt", "b", "--seed", "1,2,3"}).find("3 seeds for 2 pictures"),
            std::string::npos);
}

TEST_F(ImageJobTest, WrongUsageIsExplained) {
  const auto says = [](const std::vector<std::string>& arguments, const std::string& text) {
    const std::string message = usage_message(arguments);
    EXPECT_NE(message.find(text), std::string::npos) << message;
  };
  says({}, "the prompt is missing");
  says({"a", "--prompt", "b"}, "the prompt is given twice");
  says({"a", "b"}, "unexpected argument 'b'; put the whole prompt in one pair of quotes");
  says({"a", "--guidence-scale", "5"}, "unknown option '--guidence-scale'; did you mean --guidance-scale?");
  says({"--guidence-scale=5", "a"}, "unknown option '--guidence-scale'; did you mean --guidance-scale?");
  says({"a", "--cfg", "5"}, "unknown option '--cfg'; did you mean --guidance-scale?");
  says({"a", "--xyzzy"}, "unknown option '--xyzzy'");
  says({"a", "-z"}, "unknown option '-z'");
  says({"a", "--seed"}, "--seed needs a value");
  says({"a", "--seed", "1", "--seed", "2"}, "--seed is given 2 times; give it once");
  says({"a", "-o", "x.png", "--output", "y.png"}, "--output is given 2 times; give it once");
  says({"a", "--steps", "0"}, "--steps is '0'");
  says({"a", "--steps", "1001"}, "from 1 to 1000");
  says({"a", "--width", "-5"}, "--width is '-5'");
  says({"a", "--height", "70000"}, "--height is '70000'");
  says({"a", "-n", "0"}, "--num-images is '0'");
  says({"a", "--guidance-scale", "nan"}, "--guidance-scale is 'nan'");
  says({"a", "--strength", "0.5"}, "--strength needs --image FILE");
  says({"a", "--mask", "fox.png"}, "--mask needs --image FILE");
  says({"a", "--vae", ""}, "--vae is empty");
  says({"a", "--image", "fox.png", "--strength", "1.5"}, "--strength is '1.5', but must be a number from 0 to 1");
  says({"a", "--image", "fox.png", "--latents", "noise.safetensors"}, "give one of them");
  says({"a", "--max-timesteps", "0"}, "--max-timesteps is '0'");
  says({"a", "--max-timesteps", "1.6"}, "to 1.5708");
  says({"a", "--intermediate-timesteps", "off"}, "--intermediate-timesteps is 'off'");
  says({"a", "--init-image", "fox.png"}, "did you mean --image?");
  says({"a", "--pag-scale", "-1"}, "--pag-scale is '-1', but must be a number from 0 to 1000");
  says({"a", "--pag-adaptive-scale", "much"}, "--pag-adaptive-scale is 'much'");
  says({"a", "--pag-layers", ""}, "--pag-layers is empty");
  says({"a", "--pag-applied-layers", "x"}, "did you mean --pag-layers?");
  says({"a", "--controlnet", "edges"}, "--controlnet needs --control-image FILE");
  says({"a", "--control-scale", "1"}, "--control-scale needs --control-image FILE");
  says({"a", "--control-preprocess", "canny"}, "--control-preprocess needs --control-image FILE");
  says({"a", "--save-control", "seen.png"}, "--save-control needs --control-image FILE");
  says({"a", "--control-image", "fox.png", "--controlnet", ""}, "--controlnet is empty");
  says({"a", "--control-image", "fox.png", "--control-preprocess", "hed"},
       "--control-preprocess is 'hed', but must be one of none, canny");
  says({"a", "--control-image", "fox.png", "--control-scale", "inf"}, "--control-scale is 'inf'");
  says({"a", "--control-image", "fox.png", "--save-control", ""}, "--save-control is empty");
  says({"a", "--control-image", "fox.png", "--save-control", "out.png"}, "--save-control names 'out.png'");
  says({"a", "--control-image", "fox.png", "--save-control", "x.png", "--save-latents", "x.png"}, "names 'x.png'");
  says({"a", "--conditioning-scale", "1"}, "did you mean --control-scale?");
  says({"a", "--max-sequence-length", "0"}, "--max-sequence-length is '0'");
  says({"a", "--threads", "0"}, "--threads is '0'");
  says({"a", "--scheduler", "dpmsolver"}, "must be one of dpmsolver++, flow-euler; did you mean dpmsolver++?");
  says({"a", "--dtype", "f64"}, "--dtype is 'f64'");
  says({"a", "--device", "cuda:x"}, "--device cuda:N is 'x'");
  says({"a", "--device", "tpu"}, "--device is 'tpu', but must be one of auto, cpu, cuda");
  says({"a", "--model", ""}, "--model is empty");
  says({"a", "--quiet", "--verbose"}, "contradict");
  says({"a", "-o", "x.png", "--save-latents", "x.png"}, "are the same file 'x.png'");
}

TEST_F(ImageJobTest, ComplexInstructionIsReadByLines) {
  const std::string path =
      (std::filesystem::temp_directory_path() / ("swan_chi_" + std::to_string(getpid()) + ".txt")).string();
  const auto lines_of = [&](const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
    return job_of({"x", "--complex-instruction", path}).request.complex_human_instruction.value();
  };
  EXPECT_EQ(lines_of("one\r\n\ntwo: 狐\nlast"), (std::vector<std::string>{"one", "", "two: 狐", "last"}));
  EXPECT_EQ(lines_of("one\n"), (std::vector<std::string>{"one"}));
  EXPECT_EQ(lines_of(""), std::vector<std::string>{});
  EXPECT_THROW((void)lines_of("\xFF"), Error);
  EXPECT_THROW((void)lines_of(std::string((1 << 20) + 1, 'x')), Error);
  std::filesystem::remove(path);
  EXPECT_THROW((void)job_of({"x", "--complex-instruction", path}), Error);
  EXPECT_THROW((void)job_of({"x", "--complex-instruction", "/"}), Error);
}

TEST_F(ImageJobTest, LatentsThatAreNoNumbersAreRefused) {
  try {
    (void)job_of({"x", "--latents", "nan.safetensors"});
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kCorruptFile);
    EXPECT_NE(std::string(e.what()).find("'nan.safetensors': 16 of 16 values are NaN or infinite"), std::string::npos);
  }
}

class RepeatTest : public ImageJobTest {
 protected:
  void SetUp() override {
    ImageJobTest::SetUp();
    RepeatableRequest& r = fake_engine().repeatable;
    r.model = "its model";
    r.load.dtype = "bf16";
    r.request.prompt = {"old"};
    r.request.num_images_per_prompt = 4;
    r.request.seed = {11};
    r.request.width = 96;
    r.index = 2;
    fake_engine().metadata = {{"swan", "{}"}};
  }
};

TEST_F(RepeatTest, TakesEverythingAndWritesThatPicture) {
  const ImageJob job = job_of({"--from", "old.png"});
  EXPECT_EQ(job.model, "its model");
  EXPECT_EQ(job.load.dtype, "bf16");
  EXPECT_EQ(job.request.prompt, std::vector<std::string>{"old"});
  EXPECT_EQ(job.request.seed, std::vector<uint64_t>{11});
  EXPECT_EQ(job.request.width, 96);
  EXPECT_EQ(job.pictures(), 4U);
  EXPECT_EQ(job.only, 2U);
  EXPECT_EQ(job.files(), 1U);
  EXPECT_EQ(job.output, "out.png");
}

TEST_F(RepeatTest, OtherOptionsOverride) {
  const ImageJob job = job_of({"--from", "old.png", "--seed", "12", "--width", "64", "--model", "other"});
  EXPECT_EQ(job.request.seed, std::vector<uint64_t>{12});
  EXPECT_EQ(job.request.width, 64);
  EXPECT_EQ(job.model, "other");
  EXPECT_EQ(job.only, 2U);
}

TEST_F(RepeatTest, WhatIsGivenAgainIsNoReasonToRefuse) {
  fake_engine().metadata = {{"swan", R"({"prompt_embeds": "given", "initial_latents": "given", "index": 2})"}};
  EXPECT_EQ(job_of({"--from", "old.png"}).only, 2U);
  EXPECT_EQ(fake_engine().repeated, fake_engine().metadata["swan"]);
  (void)job_of({"--from", "old.png", "--latents", "noise.safetensors"});
  EXPECT_EQ(fake_engine().repeated, R"({"prompt_embeds":"given","index":2})");
  fake_engine().repeatable.request.prompt.clear();  // as of a picture that was made from embeddings
  EXPECT_EQ(job_of({"--from", "old.png", "new"}).files(), 4U);
  EXPECT_EQ(fake_engine().repeated, R"({"initial_latents":"given","index":2})");
  EXPECT_NE(usage_message({"--from", "old.png"}).find("the prompt is missing"), std::string::npos);
}

TEST_F(RepeatTest, APictureToStartFromIsGivenAgain) {
  fake_engine().metadata = {{"swan", R"({"image": "given", "index": 2})"}};
  fake_engine().repeatable.request.strength = 0.3;
  const ImageJob job = job_of({"--from", "old.png", "--image", "fox.png"});
  EXPECT_EQ(fake_engine().repeated, R"({"index":2})");
  EXPECT_TRUE(job.request.image);
  EXPECT_EQ(job.request.strength, 0.3);
  EXPECT_EQ(job.only, 2U);
  EXPECT_EQ(job_of({"--from", "old.png", "--image", "fox.png", "--strength", "0.5"}).request.strength, 0.5);
  (void)job_of({"--from", "old.png"});
  EXPECT_EQ(fake_engine().repeated, fake_engine().metadata["swan"]);  // which the library refuses
}

TEST_F(RepeatTest, AControlImageIsGivenAgain) {
  fake_engine().metadata = {{"swan", R"({"control_image": "given", "index": 2})"}};
  fake_engine().repeatable.load.controlnet = "edges";
  fake_engine().repeatable.request.controlnet_conditioning_scale = 0.3;
  fake_engine().repeatable.request.control_preprocess = ControlPreprocess::kCanny;
  const ImageJob job = job_of({"--from", "old.png", "--control-image", "fox.png"});
  EXPECT_EQ(fake_engine().repeated, R"({"index":2})");
  EXPECT_TRUE(job.request.control_image);
  EXPECT_EQ(job.load.controlnet, "edges");
  EXPECT_EQ(job.request.controlnet_conditioning_scale, 0.3);
  EXPECT_EQ(job.request.control_preprocess, ControlPreprocess::kCanny);
  EXPECT_EQ(job.only, 2U);
  const ImageJob other = job_of({"--from", "old.png", "--control-image", "fox.png", "--controlnet", "poses",
                                 "--control-scale", "0.5", "--control-preprocess", "none"});
  EXPECT_EQ(other.load.controlnet, "poses");
  EXPECT_EQ(other.request.controlnet_conditioning_scale, 0.5);
  EXPECT_EQ(other.request.control_preprocess, ControlPreprocess::kNone);
  (void)job_of({"--from", "old.png"});
  EXPECT_EQ(fake_engine().repeated, fake_engine().metadata["swan"]);  // which the library refuses
}

TEST_F(RepeatTest, AnotherPromptOrNumberWritesAll) {
  EXPECT_EQ(job_of({"--from", "old.png", "new"}).files(), 4U);
  EXPECT_EQ(job_of({"--from", "old.png", "-n", "2"}).files(), 2U);
  EXPECT_EQ(job_of({"--from", "old.png", "--seed", "1,2,3"}).files(), 3U);
}

TEST_F(RepeatTest, ListsThatNoLongerFitAreReported) {
  fake_engine().repeatable.request.seed = {1, 2, 3, 4};
  EXPECT_NE(usage_message({"--from", "old.png", "-n", "2"}).find("4 seeds for 2 pictures"), std::string::npos);
}

TEST_F(RepeatTest, PicturesWithoutSettingsAreReported) {
  fake_engine().metadata = {{"Title", "x"}};
  try {
    (void)job_of({"--from", "old.png"});
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kNotFound);
    EXPECT_NE(std::string(e.what()).find("cannot repeat 'old.png': it carries no settings of Swan"), std::string::npos);
  }
}

TEST_F(RepeatTest, AnIndexOutOfRangeIsReported) {
  for (const int64_t index : {int64_t{-1}, int64_t{4}}) {
    fake_engine().repeatable.index = index;
    EXPECT_THROW((void)job_of({"--from", "old.png"}), Error);
  }
}

}  // namespace
}  // namespace swan::cli
