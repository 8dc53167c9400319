#include "swan/progress.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <regex>
#include <string>
#include <thread>

namespace swan {
namespace {

// What is printed by a printer that `use` works with.
std::string printed(bool terminal, const std::function<void(ProgressPrinter&)>& use) {
  char* text = nullptr;
  size_t size = 0;
  std::FILE* out = open_memstream(&text, &size);
  {
    ProgressPrinter printer(out, terminal);
    use(printer);
  }
  std::fclose(out);
  std::string result(text, size);
  free(text);  // NOLINT(cppcoreguidelines-no-malloc): open_memstream's contract
  return result;
}

size_t count(const std::string& text, const std::string& part) {
  size_t n = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++n;
  return n;
}

TEST(Progress, PlainLinesComeAboutEveryTenth) {
  const std::string text = printed(false, [](ProgressPrinter& p) {
    for (int i = 0; i <= 1000; ++i) p.update("denoise", i, 1000);
  });
  EXPECT_LE(count(text, "\n"), 12U) << text;
  EXPECT_GE(count(text, "\n"), 10U) << text;
  EXPECT_EQ(count(text, "\r"), 0U);
  EXPECT_EQ(count(text, "\x1b"), 0U);
  EXPECT_EQ(text.substr(0, 15), "denoise 0/1000\n");
  EXPECT_EQ(count(text, "denoise 1000/1000, "), 1U) << text;
}

TEST(Progress, ATerminalHasOneLineRewritten) {
  const std::string text = printed(true, [](ProgressPrinter& p) {
    for (int i = 0; i <= 4; ++i) p.update("decode", i, 4);
  });
  EXPECT_EQ(count(text, "\n"), 1U) << "the line ends once, when the stage is complete";
  EXPECT_EQ(text.back(), '\n');
  EXPECT_EQ(count(text, "\r"), 5U);
  EXPECT_NE(text.find("[............"
                      "............] decode 0/4"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("[############............] decode 2/4"), std::string::npos) << text;
  EXPECT_NE(text.find("[########################] decode 4/4, "), std::string::npos) << text;
}

TEST(Progress, ANewStageEndsTheLineOfTheOneBefore) {
  const std::string text = printed(true, [](ProgressPrinter& p) {
    p.update("encode", 1, 2);
    p.update("denoise", 0, 2);
  });
  EXPECT_LT(text.find("encode 1/2"), text.find('\n'));
  EXPECT_GT(text.find("denoise 0/2"), text.find('\n'));
  EXPECT_EQ(count(text, "\n"), 2U) << "the destructor ends the second";
}

TEST(Progress, TheTimeLeftFollowsFromTheTimeTaken) {
  const std::string text = printed(false, [](ProgressPrinter& p) {
    p.update("denoise", 0, 4);
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    p.update("denoise", 1, 4);
  });
  std::smatch match;
  ASSERT_TRUE(std::regex_search(text, match, std::regex(R"(denoise 1/4, (\d+\.\d) s left)"))) << text;
  const double left = std::stod(match[1]);
  EXPECT_GE(left, 0.6) << "three steps like the first of at least 0.2 s";
  EXPECT_LE(left, 30) << text;
  EXPECT_EQ(text.find("left"), text.rfind("left")) << "nothing is known before the first step";
}

TEST(Progress, AnUnknownTotalShowsTheStageAlone) {
  EXPECT_EQ(printed(false, [](ProgressPrinter& p) { p.update("load", 0, 0); }), "load\n");
  EXPECT_EQ(printed(true, [](ProgressPrinter& p) { p.update("load", 0, 0); }), "\r\x1b[2Kload\n");
}

TEST(Progress, MoreThanTheTotalIsStillComplete) {
  const std::string text = printed(true, [](ProgressPrinter& p) { p.update("denoise", 5, 4); });
  EXPECT_NE(text.find("[########################] denoise 5/4"), std::string::npos) << text;
}

TEST(Progress, BytesHaveARateAndATimeLeft) {
  constexpr uint64_t kMiB = uint64_t{1} << 20;
  const auto use = [](ProgressPrinter& p) {
    p.update_bytes("download", "0/2 files", 0, 100 * kMiB, 0, -1);
    for (uint64_t i = 1; i < 100; ++i) p.update_bytes("download", "1/2 files", i * kMiB, 100 * kMiB, 2.0 * kMiB, 70.0);
    p.update_bytes("download", "2/2 files", 100 * kMiB, 100 * kMiB, 2.0 * kMiB, 0);
  };
  const std::string plain = printed(false, use);
  EXPECT_TRUE(plain.starts_with("download 0/2 files, 0 B of 100.0 MiB\n")) << plain;
  EXPECT_NE(plain.find("download 1/2 files, 50.0 MiB of 100.0 MiB, 2.0 MiB/s, 1:10 left\n"), std::string::npos)
      << plain;
  EXPECT_NE(plain.find("download 2/2 files, 100.0 MiB of 100.0 MiB, 0.0 s\n"), std::string::npos) << plain;
  EXPECT_EQ(std::count(plain.begin(), plain.end(), '\n'), 11);
  const std::string terminal = printed(true, use);
  EXPECT_NE(terminal.find("[############............] download 1/2 files, 50.0 MiB of 100.0 MiB, 2.0 MiB/s, 1:10 left"),
            std::string::npos)
      << terminal;
  EXPECT_EQ(std::count(terminal.begin(), terminal.end(), '\n'), 1);
}

TEST(Progress, KnowsATerminal) {
  std::FILE* file = std::tmpfile();
  EXPECT_FALSE(ProgressPrinter::is_terminal(file));
  std::fclose(file);
  const int master = posix_openpt(O_RDWR | O_NOCTTY);
  if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0) GTEST_SKIP() << "no pseudo-terminal here";
  std::FILE* terminal = fdopen(master, "r+");
  EXPECT_TRUE(ProgressPrinter::is_terminal(terminal));
  std::fclose(terminal);
}

TEST(FormatSeconds, ReadsWell) {
  EXPECT_EQ(format_seconds(0), "0.0 s");
  EXPECT_EQ(format_seconds(4.24), "4.2 s");
  EXPECT_EQ(format_seconds(59.9), "59.9 s");
  EXPECT_EQ(format_seconds(59.96), "1:00");
  EXPECT_EQ(format_seconds(185), "3:05");
  EXPECT_EQ(format_seconds(3599.6), "1:00:00");
  EXPECT_EQ(format_seconds(3723), "1:02:03");
}

TEST(FormatBytes, ReadsWell) {
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(1023), "1023 B");
  EXPECT_EQ(format_bytes(1536), "1.5 KiB");
  EXPECT_EQ(format_bytes(1.5 * (1 << 30)), "1.5 GiB");
  EXPECT_EQ(format_bytes(5e15), "4547.5 TiB");
}

}  // namespace
}  // namespace swan
