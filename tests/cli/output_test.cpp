#include "cli/output.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "swan/error.h"

namespace swan::cli {
namespace {

namespace fs = std::filesystem;

class Output : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("swan_output_test_" + std::to_string(getpid()));
    fs::create_directory(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  static std::string message_of(const std::string& path, ErrorCode code) {
    try {
      check_writable(path);
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), code) << e.what();
      return e.what();
    }
    return "";
  }

  fs::path folder_;
};

TEST_F(Output, OnePictureKeepsItsName) {
  EXPECT_EQ(output_paths("out.png", 1), (std::vector<std::string>{"out.png"}));
  EXPECT_EQ(output_paths("a/b.c.webp", 1), (std::vector<std::string>{"a/b.c.webp"}));
}

TEST_F(Output, SeveralAreNumberedBeforeTheExtension) {
  EXPECT_EQ(output_paths("out.png", 3), (std::vector<std::string>{"out_0.png", "out_1.png", "out_2.png"}));
  EXPECT_EQ(output_paths("a.d/b.c.webp", 2), (std::vector<std::string>{"a.d/b.c_0.webp", "a.d/b.c_1.webp"}));
  EXPECT_EQ(output_paths("/狐.JPG", 2), (std::vector<std::string>{"/狐_0.JPG", "/狐_1.JPG"}));
}

TEST_F(Output, WritableLeavesNothingBehind) {
  check_writable((folder_ / "out.png").string());
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(Output, AnExistingFileIsNotTouched) {
  std::ofstream(folder_ / "out.png") << "old";
  check_writable((folder_ / "out.png").string());
  EXPECT_EQ(fs::file_size(folder_ / "out.png"), 3U);
}

TEST_F(Output, MissingFolderIsNamed) {
  const std::string folder = (folder_ / "none").string();
  EXPECT_EQ(message_of(folder + "/out.png", ErrorCode::kNotFound),
            "cannot write '" + folder + "/out.png': the folder '" + folder +
                "' does not exist; create it or choose another.");
}

TEST_F(Output, FileAsFolderIsNamed) {
  std::ofstream(folder_ / "file") << "x";
  EXPECT_NE(message_of((folder_ / "file/out.png").string(), ErrorCode::kIo).find("file' is not a folder"),
            std::string::npos);
}

TEST_F(Output, AFolderIsNoFile) {
  EXPECT_NE(message_of(folder_.string(), ErrorCode::kInvalidArgument).find("it is a folder; name a file in it"),
            std::string::npos);
}

TEST_F(Output, FolderThatTakesNoFilesIsNamed) {
  if (!fs::is_directory("/proc/self")) GTEST_SKIP() << "there is no /proc here";
  EXPECT_NE(message_of("/proc/self/out.png", ErrorCode::kIo).find("the folder '/proc/self' takes no new files"),
            std::string::npos);
}

}  // namespace
}  // namespace swan::cli
