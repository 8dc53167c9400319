#include "server/api_error.h"

namespace swan::server {

const char* error_type(int status) noexcept {
  switch (status) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 429:
      return "rate_limit_error";
    default:
      return status >= 500 ? "server_error" : "invalid_request_error";
  }
}

const char* ApiError::type() const noexcept { return error_type(status_); }

int http_status(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kUnsupported:
      return 400;
    case ErrorCode::kCancelled:
      return 409;
    case ErrorCode::kOutOfMemory:
      return 503;
    default:
      return 500;
  }
}

}  // namespace swan::server
