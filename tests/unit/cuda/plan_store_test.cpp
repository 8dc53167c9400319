#include "cuda/plan_store.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "support/temp_dir.h"

namespace swan::backends::cuda {
namespace {

namespace fs = std::filesystem;

class PlanStoreTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::string only_file() const { return fs::directory_iterator(folder.path())->path().string(); }
  support::TempDir folder;
  std::vector<uint8_t> plan = {1, 2, 3, 0, 255};
};

TEST_F(PlanStoreTest, GivesBackWhatItKept) {
  PlanStore store(folder.path(), "one GPU");
  EXPECT_FALSE(store.find("a"));
  store.keep("a", plan);
  EXPECT_EQ(store.find("a"), plan);
  EXPECT_FALSE(store.find("b"));
  EXPECT_EQ(PlanStore(folder.path(), "one GPU").find("a"), plan) << "another process";
  EXPECT_FALSE(PlanStore(folder.path(), "another GPU").find("a"));
}

TEST_F(PlanStoreTest, IgnoresDamagedFiles) {
  PlanStore store(folder.path(), "one GPU");
  store.keep("a", plan);
  const std::string path = only_file();
  const auto size = fs::file_size(path);
  for (uintmax_t cut = 0; cut < size; ++cut) {
    store.keep("a", plan);
    fs::resize_file(path, cut);
    EXPECT_FALSE(store.find("a")) << cut << " bytes";
  }
  for (uintmax_t at = 0; at < size; ++at) {
    store.keep("a", plan);
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(at));
    const char byte = static_cast<char>(file.get() ^ 0x10);
    file.seekp(static_cast<std::streamoff>(at));
    file.put(byte);
    file.close();
    EXPECT_FALSE(store.find("a")) << "byte " << at;
  }
}

TEST_F(PlanStoreTest, KeepsNothingWithoutAFolder) {
  PlanStore store("", "one GPU");
  store.keep("a", plan);
  EXPECT_FALSE(store.find("a"));
  PlanStore unwritable("/proc/swan", "one GPU");
  unwritable.keep("a", plan);
  EXPECT_FALSE(unwritable.find("a"));
}

TEST_F(PlanStoreTest, StaysBelowItsLimit) {
  PlanStore store(folder.path(), "one GPU", 1000);
  const std::vector<uint8_t> large(300, 7);
  for (const char* key : {"a", "b", "c", "d", "e"}) store.keep(key, large);
  uintmax_t total = 0;
  for (const auto& entry : fs::directory_iterator(folder.path())) total += entry.file_size();
  EXPECT_LE(total, 1000U);
  EXPECT_GT(total, 300U);
}

}  // namespace
}  // namespace swan::backends::cuda
