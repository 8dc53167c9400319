#pragma once

#include <optional>
#include <stdexcept>
#include <string>

#include "swan/error.h"

namespace swan::server {

/// A request that cannot be met, as clients are told: status, OpenAI's error object, when to try again.
class ApiError : public std::runtime_error {
 public:
  ApiError(int status, std::string code, const std::string& message, std::string parameter = "")
      : std::runtime_error(message), status_(status), code_(std::move(code)), parameter_(std::move(parameter)) {}

  [[nodiscard]] int status() const noexcept { return status_; }
  [[nodiscard]] const std::string& code() const noexcept { return code_; }
  [[nodiscard]] const std::string& parameter() const noexcept { return parameter_; }      ///< field; empty: none
  [[nodiscard]] const char* type() const noexcept;                                        ///< "invalid_request_error"
  [[nodiscard]] std::optional<int> retry_after() const noexcept { return retry_after_; }  ///< seconds
  ApiError& retry_in(int seconds) {
    retry_after_ = seconds;
    return *this;
  }

 private:
  int status_;
  std::string code_, parameter_;
  std::optional<int> retry_after_;
};

/// The HTTP status for an error of the engine.
[[nodiscard]] int http_status(ErrorCode code) noexcept;
/// "invalid_request_error", "server_error", ... for a status
[[nodiscard]] const char* error_type(int status) noexcept;

}  // namespace swan::server
