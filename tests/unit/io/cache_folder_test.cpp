#include "io/cache_folder.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "support/temp_dir.h"

namespace swan::io {
namespace {

namespace fs = std::filesystem;

class CacheFolder : public ::testing::Test {
 protected:
  void file(const std::string& name, size_t bytes, int minutes_ago) {
    const fs::path path = fs::path(folder.path()) / name;
    std::ofstream(path) << std::string(bytes, 'x');
    fs::last_write_time(path, fs::file_time_type::clock::now() - std::chrono::minutes(minutes_ago));
  }
  [[nodiscard]] bool has(const std::string& name) const { return fs::exists(fs::path(folder.path()) / name); }
  support::TempDir folder;
};

TEST_F(CacheFolder, LosesWhatWasUsedLongestAgo) {
  file("old.plan", 100, 30);
  file("newer.plan", 100, 20);
  file("newest.plan", 100, 10);
  file("other.txt", 1000, 60);
  touch((fs::path(folder.path()) / "old.plan").string());
  trim_cache_folder(folder.path(), ".plan", 200);
  EXPECT_TRUE(has("old.plan"));
  EXPECT_FALSE(has("newer.plan"));
  EXPECT_TRUE(has("newest.plan"));
  EXPECT_TRUE(has("other.txt"));
}

TEST_F(CacheFolder, IsTheOwnersAlone) {
  const std::string made = (fs::path(folder.path()) / "a" / "b").string();
  make_cache_folder(made);
  EXPECT_EQ(fs::status(made).permissions(), fs::perms::owner_all);
  make_cache_folder(made);  // there already
}

TEST(CacheFolderName, FollowsTheVariable) {
  ASSERT_EQ(setenv("SWAN_TEST_CACHE", "/somewhere", 1), 0);
  EXPECT_EQ(cache_folder("SWAN_TEST_CACHE", "plans"), "/somewhere");
  ASSERT_EQ(setenv("SWAN_TEST_CACHE", "off", 1), 0);
  EXPECT_EQ(cache_folder("SWAN_TEST_CACHE", "plans"), "");
  ASSERT_EQ(unsetenv("SWAN_TEST_CACHE"), 0);
  ASSERT_EQ(setenv("XDG_CACHE_HOME", "/cache", 1), 0);
  EXPECT_EQ(cache_folder("SWAN_TEST_CACHE", "plans"), "/cache/swan/plans");
  ASSERT_EQ(unsetenv("XDG_CACHE_HOME"), 0);
}

}  // namespace
}  // namespace swan::io
