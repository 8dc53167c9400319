#include "core/log.h"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <mutex>

namespace swan {

namespace {
spdlog::level::level_enum to_spdlog(LogLevel level) noexcept {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
    case LogLevel::kOff:
      return spdlog::level::off;
  }
  return spdlog::level::off;
}

spdlog::logger& logger() {
  static spdlog::logger instance = [] {
    spdlog::logger made("swan", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
    made.set_level(spdlog::level::warn);
    made.set_pattern("swan: %^%l%$: %v");
    return made;
  }();
  return instance;
}

// spdlog 1.10 has no callback sink; this one hands the plain text on.
class FunctionSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit FunctionSink(std::function<void(LogLevel, const std::string&)> fn) : fn_(std::move(fn)) {}

 private:
  void sink_it_(const spdlog::details::log_msg& msg) override {
    LogLevel level = LogLevel::kError;
    if (msg.level <= spdlog::level::debug) {
      level = LogLevel::kDebug;
    } else if (msg.level == spdlog::level::info) {
      level = LogLevel::kInfo;
    } else if (msg.level == spdlog::level::warn) {
      level = LogLevel::kWarning;
    }
    fn_(level, std::string(msg.payload.data(), msg.payload.size()));
  }
  void flush_() override {}

  std::function<void(LogLevel, const std::string&)> fn_;
};
}  // namespace

void set_log_level(LogLevel level) { logger().set_level(to_spdlog(level)); }

void set_log_sink(std::function<void(LogLevel, const std::string&)> sink) {
  if (sink) {
    logger().sinks() = {std::make_shared<FunctionSink>(std::move(sink))};
  } else {
    logger().sinks() = {std::make_shared<spdlog::sinks::stderr_color_sink_mt>()};
    logger().set_pattern("swan: %^%l%$: %v");
  }
}

bool log_enabled(LogLevel level) noexcept { return logger().should_log(to_spdlog(level)); }
void log_message(LogLevel level, const std::string& message) { logger().log(to_spdlog(level), message); }

}  // namespace swan
