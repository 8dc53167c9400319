#include "hub/partial_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace swan::hub {
namespace {

constexpr uint64_t kMiB = PartialFile::kPiece;
using Bytes = std::pair<uint64_t, uint64_t>;

std::string content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class HubPartialFile : public ::testing::Test {
 protected:
  support::TempDir folder_;
  std::string blob_ = folder_.file("abc");
};

TEST_F(HubPartialFile, RunsComeInAnyOrderAndAreRemembered) {
  const uint64_t size = 3 * kMiB + 5;
  {
    PartialFile file(blob_, size);
    EXPECT_EQ(file.take(2 * kMiB), Bytes(0, 2 * kMiB));
    EXPECT_EQ(file.take(10 * kMiB), Bytes(2 * kMiB, size));
    EXPECT_FALSE(file.take(1));
    const std::string tail(kMiB + 5, 'b');
    file.write(2 * kMiB, tail.data(), tail.size());
    file.done(2 * kMiB, size - 1);  // a byte of the last piece is missing
    EXPECT_EQ(file.done_bytes(), kMiB);
    file.done(2 * kMiB, size);
    EXPECT_EQ(file.done_bytes(), kMiB + 5);
    EXPECT_FALSE(file.complete());
  }
  PartialFile file(blob_, size);  // another process
  EXPECT_EQ(file.done_bytes(), kMiB + 5);
  EXPECT_EQ(file.take(10 * kMiB), Bytes(0, 2 * kMiB));
  const std::string head(2 * kMiB, 'a');
  file.write(0, head.data(), head.size());
  file.done(0, 2 * kMiB);
  ASSERT_TRUE(file.complete());
  file.commit();
  EXPECT_EQ(content(blob_), head + std::string(kMiB + 5, 'b'));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_.path()), {}), 1);
}

TEST_F(HubPartialFile, ABeginningOfHuggingfaceHubIsTakenOverInWholePieces) {
  folder_.write("abc.incomplete", std::string(kMiB + 7, 'x'));
  PartialFile file(blob_, 2 * kMiB);
  EXPECT_EQ(file.done_bytes(), kMiB);
  EXPECT_EQ(file.take(kMiB), Bytes(kMiB, 2 * kMiB));
  EXPECT_FALSE(std::filesystem::exists(blob_ + ".incomplete"));
}

TEST_F(HubPartialFile, OneThatIsTooLargeIsNot) {
  folder_.write("abc.incomplete", std::string(kMiB + 7, 'x'));
  PartialFile file(blob_, kMiB);
  EXPECT_EQ(file.done_bytes(), 0U);
}

TEST_F(HubPartialFile, DamagedJournalsMeanTheBeginning) {
  const std::string head = "swan pieces 1 " + std::to_string(2 * kMiB) + "\n";
  for (const std::string& journal : {std::string(), std::string("x"), head, head + "1", head + "1x", head + "111",
                                     std::string("swan pieces 1 5\n11"), std::string("\0\0\0", 3)}) {
    folder_.write("abc.swan.incomplete", std::string(2 * kMiB, 'x'));
    folder_.write("abc.swan.pieces", journal);
    PartialFile file(blob_, 2 * kMiB);
    EXPECT_EQ(file.done_bytes(), 0U) << journal;
  }
  folder_.write("abc.swan.incomplete", std::string(kMiB, 'x'));
  folder_.write("abc.swan.pieces", head + "11");
  EXPECT_EQ(PartialFile(blob_, 2 * kMiB).done_bytes(), kMiB) << "the second piece is noted, but not there";
}

TEST_F(HubPartialFile, AnEmptyFileIsWhole) {
  PartialFile file(blob_, 0);
  EXPECT_FALSE(file.take(1));
  EXPECT_TRUE(file.complete());
  file.commit();
  EXPECT_EQ(std::filesystem::file_size(blob_), 0U);
}

TEST_F(HubPartialFile, LinksAreNotWrittenThrough) {
  folder_.write("victim", "precious");
  std::filesystem::create_symlink(folder_.file("victim"), blob_ + ".swan.incomplete");
  expect_error(ErrorCode::kIo, {"cannot write", ".swan.incomplete"}, [&] { PartialFile(blob_, kMiB); });
  EXPECT_EQ(content(folder_.file("victim")), "precious");
}

}  // namespace
}  // namespace swan::hub
