// Thousands of seeded mutations of good files: only swan::Error may come out of the readers, and nothing out of
// the cleaning of prompts, quickly. Run with the
// sanitizers of the preset dev, it also shows that no byte outside a buffer is touched.
#include <gtest/gtest.h>

#include <algorithm>
#include <exception>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "fuzz/mutate.h"
#include "fuzz/targets.h"
#include "support/paths.h"
#include "support/temp_dir.h"
#include "swan/log.h"

namespace swan::fuzz {
namespace {

const std::string kCorpus = support::source_path("tests/fuzz/corpus");

std::vector<std::string> corpus(const std::string& kind) {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(kCorpus) / kind))
    paths.push_back(entry.path().string());
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> files;
  files.reserve(paths.size());
  for (const std::string& path : paths) files.push_back(slurp(path));
  return files;
}

// Runs `read` over the corpus, which it must accept, and over `count` mutations of it, of which it must reject most
// but, as a sign that they reach its depths, not all.
template <typename Mutate, typename Read>
void run(const std::string& kind, int count, const Mutate& mutation, const Read& read) {
  const std::vector<std::string> files = corpus(kind);
  ASSERT_FALSE(files.empty());
  for (const std::string& file : files) EXPECT_TRUE(read(file)) << "a good file of " << kind << " is rejected";
  int accepted = 0;
  for (int i = 0; i < count; ++i) {
    std::mt19937_64 random(static_cast<uint64_t>(i));
    const std::string& file = files[random() % files.size()];
    const std::string& other = files[random() % files.size()];
    try {
      accepted += read(mutation(file, other, random)) ? 1 : 0;
    } catch (const std::exception& error) {
      FAIL() << kind << ", mutation " << i << ": " << error.what();
    }
  }
  EXPECT_GT(accepted, count / 1000);
  EXPECT_LT(accepted, count * 9 / 10);
}

TEST(Fuzz, Safetensors) { run("safetensors", 30000, mutate_safetensors, read_as_safetensors); }

TEST(Fuzz, TorchFiles) { run("torch", 15000, mutate, read_as_weights); }

TEST(Fuzz, GgufFiles) { run("gguf", 15000, mutate, read_as_weights); }

TEST(Fuzz, Pickles) { run("pickle", 30000, mutate, read_as_pickle); }

TEST(Fuzz, Checkpoints) { run("checkpoint", 20000, mutate_safetensors, read_as_checkpoint); }

TEST(Fuzz, Loras) {
  set_log_level(LogLevel::kOff);  // lenient reading warns thousands of times
  const support::TempDir dir;
  const LoraTarget target(dir.path());
  run("lora", 20000, mutate_safetensors, [&](const std::string& bytes) { return target.read(bytes); });
  set_log_level(LogLevel::kWarning);
}

TEST(Fuzz, Configurations) { run("config", 6000, mutate, read_as_config); }

TEST(Fuzz, ConfigurationFiles) { run("yaml", 6000, mutate, read_as_configuration); }

TEST(Fuzz, ModelIndices) {
  const support::TempDir dir;
  RepositoryTarget target(dir.path(), kCorpus);
  run("model_index", 3000, mutate, [&](const std::string& bytes) { return target.read_with_model_index(bytes); });
}

TEST(Fuzz, WeightIndices) {
  const support::TempDir dir;
  RepositoryTarget target(dir.path(), kCorpus);
  run("index", 8000, mutate, [&](const std::string& bytes) { return target.read_with_weight_index(bytes); });
}

TEST(Fuzz, Prompts) {
  const std::vector<std::string> files = corpus("prompt");
  ASSERT_FALSE(files.empty());
  for (int i = 0; i < 4000; ++i) {
    std::mt19937_64 random(static_cast<uint64_t>(i));
    const std::string& file = files[random() % files.size()];
    const std::string& other = files[random() % files.size()];
    try {
      clean_as_prompt(mutate(file, other, random));
    } catch (const std::exception& error) {
      FAIL() << "prompt, mutation " << i << ": " << error.what();
    }
  }
}

}  // namespace
}  // namespace swan::fuzz
