#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "server/http/request.h"

namespace swan::server {

/// A request's JSON object, at most 16 deep. @throws ApiError 400 saying where it is wrong, 415 for another media type
[[nodiscard]] nlohmann::json json_body(const Request& request);

/// Takes fields out of a JSON object, checking each. Every function returns nothing where the field is not there.
/// @throws ApiError 400 naming the field, what is allowed and what was found
class BodyReader {
 public:
  /// @param nulls  whether null means that a field is not there
  BodyReader(const nlohmann::json& body, bool nulls) : body_(body), nulls_(nulls) {}

  /// @param most  Unicode code points
  [[nodiscard]] std::optional<std::string> text(const char* name, int64_t most);
  [[nodiscard]] std::optional<int64_t> integer(const char* name, int64_t low, int64_t high);
  [[nodiscard]] std::optional<double> number(const char* name, double low, double high);
  [[nodiscard]] std::optional<bool> flag(const char* name);
  [[nodiscard]] std::optional<std::string> choice(const char* name, const std::vector<std::string>& choices);
  /// Anything; null where it is not there.
  [[nodiscard]] const nlohmann::json* any(const char* name);
  /// @throws ApiError 400 for a field that nobody asked for
  void refuse_others() const;

 private:
  const nlohmann::json& body_;
  const bool nulls_;
  std::set<std::string> seen_;
};

/// The same, for a field that must be there.
template <typename T>
[[nodiscard]] T required(std::optional<T> value, const char* name);
[[noreturn]] void missing_field(const char* name);
template <typename T>
T required(std::optional<T> value, const char* name) {
  if (!value) missing_field(name);
  return std::move(*value);
}

/// How many Unicode code points a UTF-8 text has.
[[nodiscard]] int64_t count_characters(const std::string& text) noexcept;

}  // namespace swan::server
