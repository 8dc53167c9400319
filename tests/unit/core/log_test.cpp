#include "core/log.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "core/parallel.h"

namespace swan {
namespace {

class Log : public ::testing::Test {
 protected:
  void SetUp() override {
    set_log_sink([this](LogLevel level, const std::string& text) { messages_.emplace_back(level, text); });
  }
  void TearDown() override {
    set_log_sink({});
    set_log_level(LogLevel::kWarning);
  }
  std::vector<std::pair<LogLevel, std::string>> messages_;
};

TEST_F(Log, TheDefaultLevelIsWarning) {
  log(LogLevel::kInfo, "quiet");
  log(LogLevel::kWarning, "{} of {}", 3, "four");
  log(LogLevel::kError, "bad");
  ASSERT_EQ(messages_.size(), 2U);
  EXPECT_EQ(messages_[0], std::make_pair(LogLevel::kWarning, std::string("3 of four")));
  EXPECT_EQ(messages_[1], std::make_pair(LogLevel::kError, std::string("bad")));
}

TEST_F(Log, ALevelLetsThroughItselfAndWorse) {
  for (const LogLevel level : {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarning, LogLevel::kError}) {
    set_log_level(level);
    messages_.clear();
    for (const LogLevel message : {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarning, LogLevel::kError}) {
      log(message, "x");
      EXPECT_EQ(log_enabled(message), message >= level);
    }
    EXPECT_EQ(messages_.size(), static_cast<size_t>(LogLevel::kOff) - static_cast<size_t>(level));
  }
  set_log_level(LogLevel::kOff);
  messages_.clear();
  log(LogLevel::kError, "x");
  EXPECT_TRUE(messages_.empty());
}

TEST_F(Log, AMessageIsTextNotAFormat) {
  log_message(LogLevel::kError, "100 % of {} and {0:x}");
  ASSERT_EQ(messages_.size(), 1U);
  EXPECT_EQ(messages_[0].second, "100 % of {} and {0:x}");
}

TEST_F(Log, TheSinkIsCalledByOneThreadAtATime) {
  parallel_for(200, [](int64_t i) { log(LogLevel::kWarning, "message {}", i); });
  EXPECT_EQ(messages_.size(), 200U);
}

TEST_F(Log, WithoutASinkMessagesGoToStandardError) {
  ::testing::internal::CaptureStderr();
  set_log_sink({});
  log(LogLevel::kWarning, "look here");
  const std::string text = ::testing::internal::GetCapturedStderr();
  EXPECT_NE(text.find("swan: "), std::string::npos) << text;
  EXPECT_NE(text.find("look here"), std::string::npos) << text;
  EXPECT_TRUE(messages_.empty());
}

}  // namespace
}  // namespace swan
