// A model whose parts are single files in their publishers' names draws what the repository does.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "io/checkpoint/key_tables.h"
#include "io/checkpoint/original_file.h"
#include "io/json.h"
#include "io/safetensors.h"
#include "pipeline/tiny_requests.h"
#include "support/close.h"
#include "support/expect_error.h"
#include "support/gguf_writer.h"
#include "support/golden.h"
#include "support/paths.h"
#include "support/temp_dir.h"
#include "swan/convert.h"
#include "swan/video_pipeline.h"

namespace swan {
namespace {

namespace fs = std::filesystem;
using support::golden_path;
using support::TempDir;

struct Part {
  const char* component;
  const io::KeyMap& (*keys)();  // null: the names are diffusers'
};
const std::vector<Part> kWan = {
    {"transformer", io::wan_transformer_keys}, {"vae", io::wan_vae_keys}, {"text_encoder", io::wan_umt5_keys}};
const std::vector<Part> kSana = {{"transformer", io::sana_keys}, {"vae", io::dc_ae_keys}, {"text_encoder", nullptr}};

std::string source_of(const std::string& model, const std::string& component) {
  const std::string stem = component == "text_encoder" ? "model" : "diffusion_pytorch_model";
  return golden_path("models/" + model + "/" + component + "/" + stem + ".safetensors");
}

// Writes a golden model's parts as files in their publishers' names. Tiny models have other heads than the published
// ones, which their files say; downloaded ones need not.
LoadOptions write_files(const TempDir& dir, const std::string& model, const std::vector<Part>& parts) {
  LoadOptions options;
  const std::map<std::string, std::string LoadOptions::*> members = {{"transformer", &LoadOptions::transformer},
                                                                     {"vae", &LoadOptions::vae},
                                                                     {"text_encoder", &LoadOptions::text_encoder}};
  for (const Part& part : parts) {
    std::shared_ptr<const io::TensorFile> file = io::SafetensorsFile::open(source_of(model, part.component));
    if (part.keys != nullptr) file = std::make_shared<io::OriginalFile>(file, part.keys());
    std::map<std::string, Tensor> tensors;
    for (const auto& [name, entry] : file->entries()) tensors[name] = file->tensor(name);
    const std::string path = dir.file(std::string(part.component) + ".safetensors");
    io::write_safetensors(
        path, tensors,
        {{"config", io::read_json(golden_path("models/" + model + "/" + part.component + "/config.json")).dump()}});
    options.*members.at(part.component) = path;
  }
  options.tokenizer = golden_path("models/" + model + "/tokenizer");
  return options;
}

void expect_same_clip(const VideoResult& a, const VideoResult& b) {
  EXPECT_TRUE(support::identical(a.latents, b.latents));
  ASSERT_EQ(a.frames.at(0).size(), b.frames.at(0).size());
  for (size_t i = 0; i < a.frames[0].size(); ++i) EXPECT_EQ(a.frames[0][i].rgb, b.frames[0][i].rgb) << i;
}

TEST(ModelFiles, OfWanGiveTheRepositorysClipAndRepeat) {
  const TempDir dir;
  const LoadOptions files = write_files(dir, "wan", kWan);
  EXPECT_EQ(model_kind("", files), "video");
  const auto repository = VideoPipeline::open(golden_path("models/wan"));
  const VideoResult expected = repository->generate(tiny_clip());
  const VideoResult made = VideoPipeline::open("", files)->generate(tiny_clip());
  expect_same_clip(made, expected);
  // The settings name the files, and repeat the clip.
  const RepeatableVideoRequest again = video_request_from_parameters(made.parameters.at(0));
  EXPECT_EQ(again.model, "");
  EXPECT_EQ(again.load.transformer, files.transformer);
  EXPECT_EQ(again.load.text_encoder, files.text_encoder);
  EXPECT_EQ(again.load.vae, files.vae);
  EXPECT_EQ(again.load.tokenizer, files.tokenizer);
  expect_same_clip(VideoPipeline::open(again.model, again.load)->generate(again.request), expected);
  // The transformer's file alone is a model too, and each file fits into the repository.
  LoadOptions rest = files;
  rest.transformer = "";
  EXPECT_TRUE(support::identical(VideoPipeline::open(files.transformer, rest)->generate(tiny_clip()).latents,
                                 expected.latents));
  const LoadOptions one = {.text_encoder = files.text_encoder};
  EXPECT_TRUE(support::identical(VideoPipeline::open(golden_path("models/wan"), one)->generate(tiny_clip()).latents,
                                 expected.latents));
}

// On the host a quantised network computes with the values of its blocks in f32: it gives the clip of a file of those.
TEST(ModelFiles, OfGgufComputeWithTheirBlocks) {
  if (std::getenv("SWAN_DTYPE") != nullptr) GTEST_SKIP() << "SWAN_DTYPE makes blocks weights of bf16";
  const TempDir dir;
  LoadOptions values = write_files(dir, "wan", kWan);
  values.device = "cpu";
  LoadOptions gguf = values, unquantised = values;
  const std::vector<std::tuple<Part, std::string LoadOptions::*>> parts = {
      {{"transformer", io::wan_transformer_keys}, &LoadOptions::transformer},
      {{"text_encoder", io::gguf_umt5_keys}, &LoadOptions::text_encoder}};
  for (const auto& [part, member] : parts) {
    const io::OriginalFile file(io::SafetensorsFile::open(source_of("wan", part.component)), part.keys());
    const std::string config =
        io::read_json(golden_path("models/wan/" + std::string(part.component) + "/config.json")).dump();
    constexpr uint32_t kF32 = 0, kQ80 = 8;
    support::GgufWriter writer;
    writer.text("config", config);
    std::map<std::string, Tensor> tensors;
    size_t matrices = 0;
    for (const auto& [name, entry] : file.entries()) {
      Tensor tensor = file.tensor(name).clone();
      const auto dims = entry.shape.dims();
      // Of linear layers: a table of embeddings, of a vocabulary's size, would be bf16.
      const bool blocks = entry.shape.rank() == 2 && entry.shape[1] % 32 == 0 && entry.shape[0] < 256;
      matrices += blocks ? 1 : 0;
      const std::string bytes = blocks ? support::q8_0_blocks(tensor.data_mut<float>(), tensor.numel())
                                       : std::string(static_cast<const char*>(tensor.raw()), tensor.nbytes());
      writer.tensor(name, {dims.begin(), dims.end()}, blocks ? kQ80 : kF32, bytes);
      tensors[name] = tensor;
    }
    EXPECT_GT(matrices, 0U) << part.component;
    gguf.*member = dir.write(std::string(part.component) + ".gguf", writer.finish());
    values.*member = dir.file(std::string(part.component) + "_values.safetensors");
    io::write_safetensors(values.*member, tensors, {{"config", config}});
  }
  const VideoResult expected = VideoPipeline::open("", values)->generate(tiny_clip());
  expect_same_clip(VideoPipeline::open("", gguf)->generate(tiny_clip()), expected);
  // Which is not what the blocks were made of.
  const VideoResult plain = VideoPipeline::open("", unquantised)->generate(tiny_clip());
  const double error = support::distance(expected.latents, plain.latents).relative_l2;
  EXPECT_GT(error, 1e-5);
  EXPECT_LT(error, 0.1);
}

TEST(ModelFiles, OfSanaGiveTheRepositorysPicture) {
  const TempDir dir;
  const LoadOptions files = write_files(dir, "sana", kSana);
  const ImageResult expected = ImagePipeline::open(golden_path("models/sana"))->generate(tiny_picture());
  const ImageResult made = ImagePipeline::open("", files)->generate(tiny_picture());
  EXPECT_TRUE(support::identical(made.latents, expected.latents));
  EXPECT_EQ(made.images.at(0).rgb, expected.images.at(0).rgb);
  const RepeatableRequest again = request_from_parameters(made.parameters.at(0));
  EXPECT_EQ(ImagePipeline::open(again.model, again.load)->generate(again.request).images.at(0).rgb,
            expected.images.at(0).rgb);
}

TEST(ModelFiles, OfSanaSprintAreTold) {
  const TempDir dir;
  const LoadOptions files = write_files(
      dir, "sana_sprint", {{"transformer", io::sana_sprint_keys}, {"vae", io::dc_ae_keys}, {"text_encoder", nullptr}});
  ImageRequest request = tiny_picture();
  const ImageResult expected = ImagePipeline::open(golden_path("models/sana_sprint"))->generate(request);
  const ImageResult made = ImagePipeline::open("", files)->generate(request);
  EXPECT_TRUE(support::identical(made.latents, expected.latents));
}

TEST(ModelFiles, ALoraFitsAModelOfFiles) {
  const TempDir dir;
  LoadOptions files = write_files(dir, "sana", kSana);
  files.lora = {{golden_path("models/lora_plain")}};
  const LoadOptions lora = {.lora = files.lora};
  EXPECT_TRUE(
      support::identical(ImagePipeline::open("", files)->generate(tiny_picture()).latents,
                         ImagePipeline::open(golden_path("models/sana"), lora)->generate(tiny_picture()).latents));
}

TEST(ModelFiles, FoldersOfComponentsAndOfWholeModelsDo) {
  const Tensor expected = ImagePipeline::open(golden_path("models/sana"))->generate(tiny_picture()).latents;
  for (const char* folder : {"models/sana/transformer", "models/sana"}) {
    const LoadOptions options = {.transformer = golden_path(folder),
                                 .text_encoder = golden_path("models/sana"),
                                 .vae = golden_path("models/sana/vae"),
                                 .tokenizer = golden_path("models/sana/tokenizer/tokenizer.json")};
    EXPECT_TRUE(support::identical(ImagePipeline::open("", options)->generate(tiny_picture()).latents, expected))
        << folder;
  }
}

TEST(ModelFiles, WhatIsReplacedNeedNotBeThere) {
  const TempDir dir;
  const LoadOptions files = write_files(dir, "wan", kWan);
  fs::create_directories(dir.file("m"));
  for (const char* part : {"vae", "scheduler", "text_encoder", "tokenizer"})
    fs::copy(fs::canonical(golden_path(std::string("models/wan/") + part)), dir.file("m/") + part,
             fs::copy_options::recursive);
  fs::copy_file(golden_path("models/wan/model_index.json"), dir.file("m/model_index.json"));
  EXPECT_THROW((void)VideoPipeline::open(dir.file("m")), Error);
  const LoadOptions one = {.transformer = files.transformer};
  EXPECT_EQ(VideoPipeline::open(dir.file("m"), one)->generate(tiny_clip()).frames.at(0).size(), 5U);
}

// ComfyUI's text encoders hold their tokenizer.
TEST(ModelFiles, ATextEncoderBringsItsTokenizer) {
  const TempDir dir;
  LoadOptions files = write_files(dir, "wan", kWan);
  const auto file = io::SafetensorsFile::open(files.text_encoder);
  std::map<std::string, Tensor> tensors;
  for (const auto& [name, entry] : file->entries()) tensors[name] = file->tensor(name);
  const std::string spiece = support::source_path("models/swan-emoji-video/tokenizer/spiece.model");
  std::ifstream in(spiece, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  ASSERT_GT(bytes.size(), 1000U);
  tensors["spiece_model"] = Tensor::view_of(bytes.data(), {static_cast<int64_t>(bytes.size())}, DType::kU8, nullptr);
  const std::string path = dir.file("comfy.safetensors");
  io::write_safetensors(path, tensors, file->metadata());
  files.text_encoder = path;
  files.tokenizer = spiece;
  const Tensor expected = VideoPipeline::open("", files)->generate(tiny_clip()).latents;
  files.tokenizer = "";
  EXPECT_TRUE(support::identical(VideoPipeline::open("", files)->generate(tiny_clip()).latents, expected));
}

TEST(ModelFiles, AConversionThatIsCancelledLeavesNothing) {
  const TempDir dir;
  std::atomic<bool> cancel = false;
  Callbacks callbacks;
  callbacks.cancel = &cancel;
  std::vector<std::string> stages;
  callbacks.progress = [&](const std::string& stage, int done, int total) {
    EXPECT_LE(done, total);
    stages.push_back(stage);
    cancel = done == 3;
  };
  expect_error(ErrorCode::kCancelled, {dir.file("out")},
               [&] { (void)convert_model(golden_path("models/wan"), {}, dir.file("out"), {}, callbacks); });
  EXPECT_EQ(stages.size(), 3U);
  EXPECT_TRUE(fs::is_empty(dir.path()));
  // So does one that asks for a dtype that weights are not kept in.
  expect_error(ErrorCode::kInvalidArgument, {"f8_e4m3", "bf16"}, [&] {
    (void)convert_model(golden_path("models/wan"), {}, dir.file("out"), ConvertOptions{.dtype = "f8_e4m3"});
  });
  EXPECT_TRUE(fs::is_empty(dir.path()));
}

TEST(ModelFiles, ErrorsNameTheOption) {
  const TempDir dir;
  const LoadOptions files = write_files(dir, "wan", kWan);
  const auto refuse = [](ErrorCode code, const std::vector<std::string>& parts, const LoadOptions& options,
                         const std::string& model = "") {
    expect_error(code, parts, [&] { (void)VideoPipeline::open(model, options)->generate(tiny_clip()); });
  };
  LoadOptions o = files;
  o.vae = "";
  refuse(ErrorCode::kNotFound, {"no vae", "--vae"}, o);
  o = files;
  o.text_encoder = "";
  refuse(ErrorCode::kNotFound, {"no text_encoder", "--text-encoder"}, o);
  o = files;
  o.tokenizer = "";
  refuse(ErrorCode::kNotFound, {"no tokenizer", "--tokenizer"}, o);
  o = files;
  std::swap(o.vae, o.text_encoder);
  refuse(ErrorCode::kInvalidArgument, {"--text-encoder", "AutoencoderKLWan", "give it with --vae"}, o);
  refuse(ErrorCode::kInvalidArgument, {"--model", "--transformer"}, files, files.vae);
  o = files;
  o.vae = golden_path("models/sana/vae");
  refuse(ErrorCode::kUnsupported, {"--vae", "AutoencoderDC", "AutoencoderKLWan"}, o);
  o = files;
  o.vae = golden_path("models/sana/scheduler");
  refuse(ErrorCode::kNotFound, {"--vae", "config.json"}, o);
  o = files;
  o.vae = dir.file("no-such.safetensors");
  refuse(ErrorCode::kNotFound, {"no-such.safetensors"}, o);
  refuse(ErrorCode::kUnsupported, {"--transformer", "SanaTransformer2DModel", "WanTransformer3DModel"},
         {.transformer = golden_path("models/sana/transformer")}, golden_path("models/wan"));
  expect_error(ErrorCode::kUnsupported, {"videos", "swan video"}, [&] { (void)ImagePipeline::open("", files); });
  EXPECT_EQ(VideoPipeline::open("",
                                [&] {
                                  LoadOptions without = files;
                                  without.text_encoder = without.tokenizer = "";
                                  return without;
                                }())
                ->defaults()
                .num_inference_steps,
            50)
      << "embeddings can still be given";
}

}  // namespace
}  // namespace swan
