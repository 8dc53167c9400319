// Embeddings as something that is kept, written, read and mixed.
#include "pipelines/embed_store.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "support/close.h"
#include "support/golden.h"
#include "support/temp_dir.h"
#include "swan/error.h"
#include "swan/log.h"
#include "swan/video_pipeline.h"

namespace swan {
namespace {

namespace fs = std::filesystem;
using pipelines::EmbedStore;

std::string fingerprint() { return "encoder"; }
Tensor rows(int64_t n, float value) { return Tensor::full({n, 8}, value); }
const std::vector<int32_t> kIds = {5, 6, 1};

TEST(EmbedStore, KeepsInMemory) {
  EmbedStore store({}, fingerprint);
  EXPECT_FALSE(store.find(kIds, 3));
  store.put(kIds, rows(3, 1));
  ASSERT_TRUE(store.find(kIds, 3));
  EXPECT_TRUE(support::identical(*store.find(kIds, 2), rows(3, 1)));
  EXPECT_FALSE(store.find(kIds, 4));  // more rows are wanted than were computed
  EXPECT_FALSE(store.find(std::vector<int32_t>{5, 6}, 1));
}

TEST(EmbedStore, KeepsOnDisk) {
  const support::TempDir dir;
  const EmbedCacheOptions options = {.directory = dir.file("a/b"), .max_bytes = 1 << 20};
  EmbedStore(options, fingerprint).put(kIds, rows(3, 2));
  EmbedStore other(options, fingerprint);
  ASSERT_TRUE(other.find(kIds, 3));
  EXPECT_TRUE(support::identical(*other.find(kIds, 3), rows(3, 2)));
  EXPECT_FALSE(EmbedStore(options, [] { return std::string("another encoder"); }).find(kIds, 3));
  EXPECT_FALSE(EmbedStore({.directory = dir.file("elsewhere")}, fingerprint).find(kIds, 3));
}

TEST(EmbedStore, TakesADamagedOrForeignFileForNone) {
  const support::TempDir dir;
  const EmbedCacheOptions options = {.directory = dir.file("cache"), .max_bytes = 1 << 20};
  EmbedStore(options, fingerprint).put(kIds, rows(3, 2));
  fs::path file;
  for (const auto& entry : fs::directory_iterator(options.directory)) file = entry.path();
  const auto size = fs::file_size(file);
  fs::resize_file(file, size - 5);
  EXPECT_FALSE(EmbedStore(options, fingerprint).find(kIds, 3));
  std::ofstream(file) << "not a safetensors file";
  EXPECT_FALSE(EmbedStore(options, fingerprint).find(kIds, 3));
  // An entry under another key's name: as if two keys had met in the hash.
  EmbedStore(options, fingerprint).put({std::vector<int32_t>{9, 1}}, rows(3, 7));
  for (const auto& entry : fs::directory_iterator(options.directory))
    if (entry.path() != file) fs::rename(entry.path(), file);
  EXPECT_FALSE(EmbedStore(options, fingerprint).find(kIds, 3));
  EmbedStore store(options, fingerprint);
  store.put(kIds, rows(3, 4));  // replaces it
  EXPECT_TRUE(EmbedStore(options, fingerprint).find(kIds, 3));
}

TEST(EmbedStore, LeavesOutTheLeastRecentlyUsed) {
  const support::TempDir dir;
  EmbedCacheOptions options = {.directory = dir.file("cache"), .max_bytes = 12000};
  const auto ids = [](int32_t i) { return std::vector<int32_t>{i, 1}; };
  const auto age = [&](const std::vector<int32_t>& of, int hours) {
    EmbedStore store(options, fingerprint);
    ASSERT_TRUE(store.find(of, 1));  // marks it as used now: the newest file is the one
    fs::path newest;
    for (const auto& entry : fs::directory_iterator(options.directory))
      if (newest.empty() || fs::last_write_time(entry) > fs::last_write_time(newest)) newest = entry.path();
    fs::last_write_time(newest, fs::file_time_type::clock::now() - std::chrono::hours(hours));
  };
  for (int32_t i = 0; i < 3; ++i) {  // 3,2xx bytes each
    EmbedStore(options, fingerprint).put(ids(i), Tensor::full({100, 8}, static_cast<float>(i)));
    age(ids(i), 3 - i);
  }
  ASSERT_TRUE(EmbedStore(options, fingerprint).find(ids(0), 1));  // the oldest, but used last
  EmbedStore(options, fingerprint).put(ids(3), Tensor::full({100, 8}, 3));
  EXPECT_TRUE(EmbedStore(options, fingerprint).find(ids(0), 1));
  EXPECT_FALSE(EmbedStore(options, fingerprint).find(ids(1), 1));
  EXPECT_TRUE(EmbedStore(options, fingerprint).find(ids(3), 1));
}

// Several processes write, read and evict in one folder: whatever one finds is whole and what its key says.
TEST(EmbedStore, IsSharedByProcesses) {
  const support::TempDir dir;
  const EmbedCacheOptions options = {.directory = dir.file("cache"), .max_bytes = 40000};  // a dozen entries
  constexpr int kProcesses = 4, kRounds = 60, kKeys = 24;
  const auto work = [&](int process) {
    int found = 0;
    for (int round = 0; round < kRounds; ++round) {
      const int key = (round * 7 + process * 3) % kKeys;
      const std::vector<int32_t> ids = {key, 1};
      EmbedStore store(options, fingerprint);  // a new one each time: nothing is in memory
      if (const auto kept = store.find(ids, 1)) {
        if (!support::identical(*kept, Tensor::full({100, 8}, static_cast<float>(key)))) return 2;
        ++found;
      } else {
        store.put(ids, Tensor::full({100, 8}, static_cast<float>(key)));
      }
    }
    return found > 0 ? 0 : 1;
  };
  std::vector<pid_t> children;
  for (int i = 0; i < kProcesses; ++i) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) _exit(work(i));
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  }
  uint64_t total = 0;
  for (const auto& entry : fs::directory_iterator(options.directory)) {
    EXPECT_EQ(entry.path().extension(), ".safetensors") << entry.path();  // nothing temporary is left
    total += entry.file_size();
  }
  EXPECT_LE(total, options.max_bytes + kProcesses * 4000);  // each may have written once after the last look
}

TEST(EmbedStore, GoesOnWithoutAFolderItCanWrite) {
  const support::TempDir dir;
  (void)dir.write("file", "in the way");
  EmbedStore store({.directory = dir.file("file/cache")}, fingerprint);
  store.put(kIds, rows(3, 1));
  EXPECT_TRUE(store.find(kIds, 3));  // from memory
}

// A copy of the repository whose text encoder can be taken away.
std::string copy_of(const support::TempDir& dir, const std::string& name) {
  const std::string path = dir.file(name);
  fs::copy(support::golden_path("models/" + name), path, fs::copy_options::recursive);
  return path;
}

TEST(EmbedCache, ServesASecondRunWithoutTheEncoder) {
  const support::TempDir dir;
  const LoadOptions load = [&] {
    LoadOptions options;
    options.embed_cache.directory = dir.file("cache");
    return options;
  }();
  VideoRequest r;
  r.prompt = {"a red balloon"};
  r.height = r.width = 32;
  r.num_frames = 1;
  r.num_inference_steps = 1;
  // The encoder says so when it is opened.
  int opened = 0;
  set_log_level(LogLevel::kDebug);
  set_log_sink([&](LogLevel, const std::string& message) { opened += message.starts_with("text_encoder:") ? 1 : 0; });
  const std::string wan = copy_of(dir, "wan");
  const VideoResult first = VideoPipeline::open(wan, load)->generate(r);
  EXPECT_EQ(opened, 1);
  EXPECT_EQ(VideoPipeline::open(wan, load)->generate(r).frames[0][0].rgb, first.frames[0][0].rgb);
  EXPECT_EQ(opened, 1);

  ImageRequest image;
  image.prompt = {"a red cat"};
  image.height = image.width = 128;
  image.num_inference_steps = 1;
  image.use_resolution_binning = false;
  const std::string sana = copy_of(dir, "sana");
  const ImageResult picture = ImagePipeline::open(sana, load)->generate(image);
  EXPECT_EQ(opened, 2);
  EXPECT_EQ(ImagePipeline::open(sana, load)->generate(image).images[0].rgb, picture.images[0].rgb);
  EXPECT_EQ(opened, 2);
  set_log_sink({});
  set_log_level(LogLevel::kWarning);

  // Other weights are another encoder.
  const std::string weights = wan + "/text_encoder/model.safetensors";
  const pipelines::Compute cpu({.device = "cpu"});
  const std::string before = pipelines::encoder_fingerprint(io::Repository::open(wan), "", "auto", cpu);
  std::fstream(weights, std::ios::in | std::ios::out | std::ios::binary).seekp(-4, std::ios::end).write("abcd", 4);
  EXPECT_NE(pipelines::encoder_fingerprint(io::Repository::open(wan), "", "auto", cpu), before);
  EXPECT_NE(pipelines::encoder_fingerprint(io::Repository::open(sana), "", "auto", cpu),
            pipelines::encoder_fingerprint(io::Repository::open(sana), "", "bf16", cpu));
}

TEST(PromptEmbeddings, ServeARepositoryWithoutATextEncoder) {
  const support::TempDir dir;
  const std::string wan = copy_of(dir, "wan");
  VideoRequest r;
  r.height = r.width = 32;
  r.num_frames = 1;
  r.num_inference_steps = 1;
  r.prompt = {"a red balloon"};
  const auto whole = VideoPipeline::open(wan);
  const VideoResult expected = whole->generate(r);
  const PromptEmbeddings positive = whole->embed({"a red balloon"}, 512), negative = whole->embed({""}, 512);
  save_prompt_embeddings(dir.file("e.safetensors"), positive, negative);
  fs::remove_all(wan + "/text_encoder");
  fs::remove_all(wan + "/tokenizer");
  const auto bare = VideoPipeline::open(wan);
  EXPECT_THROW((void)bare->generate(r), Error);
  r.prompt.clear();
  r.prompt_embeds = load_prompt_embeddings(dir.file("e.safetensors"));
  r.negative_prompt_embeds = load_prompt_embeddings(dir.file("e.safetensors"), true);
  EXPECT_EQ(bare->generate(r).frames[0][0].rgb, expected.frames[0][0].rgb);
}

TEST(PromptEmbeddings, OfSanaServeForItsPrompts) {
  const auto pipeline = ImagePipeline::open(support::golden_path("models/sana"));
  ImageRequest r;
  r.prompt = {"a red cat"};
  r.height = r.width = 128;
  r.num_inference_steps = 2;
  r.use_resolution_binning = false;
  const Image expected = pipeline->generate(r).images[0];
  const PromptEmbeddings embeds = pipeline->embed(r);
  r.prompt.clear();
  r.prompt_embeds = embeds;
  EXPECT_EQ(pipeline->generate(r).images[0].rgb, expected.rgb);
  EXPECT_THROW((void)request_from_parameters(pipeline->generate(r).parameters[0]), Error);
}

TEST(PromptEmbeddings, MixAlongALineOrAnArc) {
  const auto of = [](std::vector<float> values, std::vector<int32_t> mask) {
    const int64_t n = static_cast<int64_t>(mask.size());
    return PromptEmbeddings{Tensor::from(std::span<const float>(values), {1, n, 2}),
                            Tensor::from(std::span<const int32_t>(mask), {1, n})};
  };
  const PromptEmbeddings a = of({1, 0, 2, 2}, {1, 1}), b = of({0, 1, 0, 0}, {1, 0});
  const PromptEmbeddings line = interpolate_embeddings(a, b, 0.25, false);
  EXPECT_TRUE(support::close(line.embeds, of({0.75F, 0.25F, 1.5F, 1.5F}, {1, 1}).embeds, 1e-6));
  EXPECT_EQ(line.attention_mask.data<int32_t>()[1], 1);
  const PromptEmbeddings arc = interpolate_embeddings(a, b, 0.5, true);
  const float half = std::sqrt(0.5F);
  EXPECT_TRUE(support::close(arc.embeds, of({half, half, 1, 1}, {1, 1}).embeds, 1e-6));  // the second has no arc
  EXPECT_TRUE(support::identical(interpolate_embeddings(a, b, 0, true).embeds, a.embeds));
  EXPECT_TRUE(support::identical(interpolate_embeddings(a, b, 1, true).embeds, b.embeds));
  EXPECT_THROW((void)interpolate_embeddings(a, of({1, 1}, {1}), 0.5, false), Error);
  EXPECT_THROW((void)interpolate_embeddings(a, b, 1.5, false), Error);
}

TEST(PromptEmbeddings, RefuseDamagedFiles) {
  const support::TempDir dir;
  save_tensor(dir.file("other.safetensors"), "latents", Tensor::zeros({1}, DType::kF32));
  EXPECT_THROW((void)load_prompt_embeddings(dir.file("other.safetensors")), Error);
  EXPECT_THROW((void)load_prompt_embeddings(dir.file("absent.safetensors")), Error);
  EXPECT_FALSE(load_prompt_embeddings(
                   [&] {
                     save_prompt_embeddings(dir.file("e.safetensors"), {Tensor::zeros({1, 2, 4}, DType::kF32),
                                                                        Tensor::zeros({1, 2}, DType::kI32)});
                     return dir.file("e.safetensors");
                   }(),
                   true)
                   .defined());
  EXPECT_THROW(save_prompt_embeddings(dir.file("x.safetensors"),
                                      {Tensor::zeros({1, 2, 4}, DType::kF32), Tensor::zeros({1, 3}, DType::kI32)}),
               Error);
}

}  // namespace
}  // namespace swan
