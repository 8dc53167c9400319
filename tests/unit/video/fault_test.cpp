// Disks that are full and processes that are killed.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <functional>

#include "decode.h"

namespace swan {
namespace {

namespace fs = std::filesystem;

// A frame that does not compress.
Image noise(uint32_t seed) {
  Image image{64, 48, {}};
  for (int i = 0; i < 64 * 48 * 3; ++i) {
    seed = seed * 1664525U + 1013904223U;
    image.rgb.push_back(static_cast<uint8_t>(seed >> 24U));
  }
  return image;
}

void write_noise(const std::string& path, uint32_t frames) {
  const auto writer = VideoWriter::open(path, 64, 48);
  for (uint32_t i = 0; i < frames; ++i) writer->write(noise(i));
  writer->finish();
}

// Runs `fn` in a process of its own. @return its status, and what it returned
std::pair<int, std::string> in_a_process(const std::function<std::string()>& fn) {
  std::array<int, 2> pipe{};
  if (::pipe(pipe.data()) != 0) return {-1, "no pipe"};
  const pid_t child = ::fork();
  if (child == 0) {
    const std::string text = fn();
    const ssize_t written = ::write(pipe[1], text.data(), text.size());
    ::_exit(written == static_cast<ssize_t>(text.size()) ? 0 : 1);
  }
  ::close(pipe[1]);
  std::string text;
  std::array<char, 4096> buffer{};
  for (ssize_t got = 0; (got = ::read(pipe[0], buffer.data(), buffer.size())) > 0;)
    text.append(buffer.data(), static_cast<size_t>(got));
  ::close(pipe[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  return {status, text};
}

class FaultyDisk : public testing::TestWithParam<const char*> {
 protected:
  support::TempDir folder_;
};
INSTANTIATE_TEST_SUITE_P(All, FaultyDisk, testing::Values("a.mp4", "a.webm", "a.webp", "a.gif", "frames/"),
                         [](const auto& info) {
                           const std::string name = info.param;
                           return name.ends_with('/') ? std::string("folder") : name.substr(2);
                         });

// With room for nothing, for a part, and for all but the end.
TEST_P(FaultyDisk, Full) {
  for (const int kilobytes : {4, 16, 64}) {
    const auto [status, text] = in_a_process([&]() -> std::string {
      const std::string disk = folder_.path();
      if (::unshare(CLONE_NEWNS) != 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return "skip";
      if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return "skip";
      const std::string size = fmt::format("size={}k", kilobytes);
      if (::mount("none", disk.c_str(), "tmpfs", 0, size.c_str()) != 0) return "skip";
      const Error error = test::error_of([&] { write_noise(folder_.file(GetParam()), 40); });
      return fmt::format("{} {} left: {}", error_code_name(error.code()), error.what(), fs::is_empty(disk) ? 0 : 1);
    });
    if (text == "skip") GTEST_SKIP() << "no file system can be mounted here";
    EXPECT_EQ(status, 0);
    EXPECT_TRUE(text.starts_with("io cannot write ")) << text;
    EXPECT_NE(text.find(std::string(GetParam()).substr(0, 6)), std::string::npos) << text;
    EXPECT_NE(text.find("No space left on device"), std::string::npos) << text;
    EXPECT_TRUE(text.ends_with("left: 0")) << text;
  }
}

// As above where nothing can be mounted: a limit on the size of files.
TEST_P(FaultyDisk, FilesAreLimited) {
  const auto [status, text] = in_a_process([&]() -> std::string {
    (void)std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{1000, 1000};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return "no limit";
    const Error error = test::error_of([&] { write_noise(folder_.file(GetParam()), 40); });
    return fmt::format("{} {}", error_code_name(error.code()), error.what());
  });
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(text.starts_with("io cannot write ")) << text;
  EXPECT_NE(text.find("File too large"), std::string::npos) << text;
  EXPECT_TRUE(test::names(folder_.path()).empty());
}

TEST_P(FaultyDisk, AfterAnErrorTheWriterIsDone) {
  const auto [status, text] = in_a_process([&]() -> std::string {
    (void)std::signal(SIGXFSZ, SIG_IGN);
    const auto writer = VideoWriter::open(folder_.file(GetParam()), 64, 48);
    const rlimit limit{1000, 1000};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return "no limit";
    const Error first = test::error_of([&] {
      for (uint32_t i = 0; i < 200; ++i) writer->write(noise(i));
    });
    const Error second = test::error_of([&] { writer->finish(); });
    return fmt::format("{}, {}: {}", error_code_name(first.code()), error_code_name(second.code()), second.what());
  });
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(text.starts_with("io, invalid_argument: cannot finish ")) << text;
  EXPECT_NE(text.find("an earlier frame could not be written"), std::string::npos) << text;
  EXPECT_TRUE(test::names(folder_.path()).empty());
}

TEST_P(FaultyDisk, KilledLeavesOnlyATemporaryName) {
  const auto [status, text] = in_a_process([&]() -> std::string {
    const auto writer = VideoWriter::open(folder_.file(GetParam()), 64, 48);
    for (uint32_t i = 0; i < 5; ++i) writer->write(noise(i));
    (void)::kill(::getpid(), SIGKILL);
    return "survived";
  });
  EXPECT_TRUE(WIFSIGNALED(status)) << text;
  const std::vector<std::string> left = test::names(folder_.path());
  ASSERT_EQ(left.size(), 1U);
  EXPECT_TRUE(left[0].starts_with(".swan-") && left[0].ends_with(".part")) << left[0];
}

}  // namespace
}  // namespace swan
