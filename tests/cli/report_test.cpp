#include "cli/report.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/info_report.h"

namespace swan::cli {
namespace {

using nlohmann::json;

ImageRun example_run() {
  ImageRun run;
  run.request.prompt = {"a \"red\"\nfox", "狐狸"};
  run.request.seed = {UINT64_MAX, 7};
  run.request.num_inference_steps = 2;
  run.request.guidance_scale = 3.25;
  run.result.width = 128;
  run.result.height = 96;
  run.result.parameters = {R"({"model": "m", "scheduler": "flow-euler", "dtype": "bf16", "version": "0.1.0"})"};
  run.result.peak_bytes = 123456789;
  run.files = {"a_0.png", "a_1.png"};
  run.seconds = {{"load", 0.125}, {"denoise", 75.0}, {"total", 75.5}};
  return run;
}

TEST(Report, JsonIsOneLineAndWhole) {
  const std::string line = image_json(example_run());
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const json j = json::parse(line);
  EXPECT_EQ(j["files"], json({"a_0.png", "a_1.png"}));
  EXPECT_EQ(j["prompt"], json({"a \"red\"\nfox", "狐狸"}));
  EXPECT_EQ(j["seed"], UINT64_MAX);
  EXPECT_EQ(j["seeds"], json({UINT64_MAX, 7}));
  EXPECT_EQ(j["width"], 128);
  EXPECT_EQ(j["height"], 96);
  EXPECT_EQ(j["steps"], 2);
  EXPECT_EQ(j["guidance_scale"], 3.25);
  EXPECT_EQ(j["model"], "m");
  EXPECT_EQ(j["scheduler"], "flow-euler");
  EXPECT_EQ(j["dtype"], "bf16");
  EXPECT_EQ(j["seconds"], json({{"load", 0.125}, {"denoise", 75.0}, {"total", 75.5}}));
  EXPECT_EQ(j["peak_memory_bytes"], 123456789);
  EXPECT_FALSE(j.contains("latents"));
  EXPECT_FALSE(j.contains("control_image"));
}

TEST(Report, SaysWhereTheControlImageWent) {
  ImageRun run = example_run();
  run.control_image = "edges.png";
  EXPECT_EQ(json::parse(image_json(run))["control_image"], "edges.png");
  EXPECT_NE(image_text(run).find("\nedges.png (control image)\n"), std::string::npos);
}

TEST(Report, TellsOfLoras) {
  ImageRun run = example_run();
  EXPECT_FALSE(json::parse(image_json(run)).contains("loras"));
  EXPECT_EQ(image_text(run).find("lora"), std::string::npos);
  run.result.parameters = {R"({"loras": [{"path": "/a.safetensors", "scale": 0.5, "keys": 7, "unused_keys": 2}]})"};
  EXPECT_EQ(json::parse(image_json(run))["loras"][0]["path"], "/a.safetensors");
  EXPECT_NE(image_text(run).find("  lora     /a.safetensors, scale 0.5: 5 tensors used, 2 not\n"), std::string::npos)
      << image_text(run);
}

TEST(Report, JsonSurvivesOddParameters) {
  for (const char* parameters : {"", "not json", "[1]", "null"}) {
    ImageRun run = example_run();
    run.result.parameters = {parameters};
    run.latents = "l.safetensors";
    run.files = {"\xFF.png"};
    const json j = json::parse(image_json(run));
    EXPECT_EQ(j["latents"], "l.safetensors");
    EXPECT_FALSE(j.contains("model"));
  }
}

TEST(Report, TextSaysWhatAPersonWantsToKnow) {
  const std::string text = image_text(example_run());
  EXPECT_EQ(text,
            "a_0.png\n"
            "a_1.png\n"
            "  picture  128 x 96 pixels\n"
            "  seed     18446744073709551615,7\n"
            "  steps    2, guidance 3.25, flow-euler\n"
            "  time     load 0.12 s, denoise 1:15, total 1:16\n"
            "  memory   117.7 MiB at the peak\n");
}

ModelInfo example_info() {
  ModelInfo info;
  info.path = "models/x";
  info.class_name = "SanaPipeline";
  info.components = {{.name = "transformer",
                      .class_name = "SanaTransformer2DModel",
                      .files = {"transformer/config.json"},
                      .missing = {"transformer/diffusion_pytorch_model.safetensors: no such file"},
                      .parameters_by_dtype = {{"f16", 1000}, {"f32", 11}},
                      .parameters = 11250000,
                      .bytes = 2048},
                     {.name = "scheduler",
                      .class_name = "DPMSolverMultistepScheduler",
                      .files = {"scheduler/scheduler_config.json"},
                      .missing = {},
                      .parameters_by_dtype = {},
                      .parameters = 0,
                      .bytes = 10}};
  return info;
}

TEST(Report, InfoTableAlignsAndListsWhatIsMissing) {
  EXPECT_EQ(info_text(example_info()),
            "models/x\n"
            "SanaPipeline\n"
            "\n"
            "component    class                        parameters  dtype        size  status\n"
            "transformer  SanaTransformer2DModel          11.25 M  f16, f32  2.0 KiB  1 missing\n"
            "scheduler    DPMSolverMultistepScheduler           -  -            10 B  complete\n"
            "total                                        11.25 M            2.0 KiB  incomplete\n"
            "\n"
            "transformer lacks:\n"
            "  transformer/diffusion_pytorch_model.safetensors: no such file\n");
}

TEST(Report, InfoJsonIsOneLine) {
  const std::string line = info_json(example_info());
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const json j = json::parse(line);
  EXPECT_EQ(j["complete"], false);
  EXPECT_EQ(j["parameters"], 11250000);
  EXPECT_EQ(j["bytes"], 2058);
  EXPECT_EQ(j["components"][0]["parameters_by_dtype"], json({{"f16", 1000}, {"f32", 11}}));
  EXPECT_EQ(j["components"][0]["missing"].size(), 1U);
  EXPECT_EQ(j["components"][1]["missing"], json::array());
  EXPECT_EQ(j["components"][1]["parameters_by_dtype"], json::object());
}

TEST(Report, ErrorJsonHoldsCodeAndMessage) {
  const json j = json::parse(error_json("io", "cannot write 'a\nb'"));
  EXPECT_EQ(j, json({{"error", {{"code", "io"}, {"message", "cannot write 'a\nb'"}}}}));
}

TEST(Report, CountsAreShort) {
  EXPECT_EQ(format_count(417), "417");
  EXPECT_EQ(format_count(11250000), "11.25 M");
  EXPECT_EQ(format_count(1604000000), "1.60 B");
}

}  // namespace
}  // namespace swan::cli
