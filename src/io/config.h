#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace swan::io {

/// A component's config.json, read key by key with types checked. Errors name the key, the file, and the type found
/// against the one expected. A key that is null counts as absent: Python writes None for "use the default".
///
/// Types T: bool, int64_t, double, std::string, std::vector of int64_t, double, bool or std::string, and
/// std::vector<std::vector<int64_t>>. An integer is accepted where a double is asked, never the other way round.
class Config {
 public:
  /// @throws Error as read_json; kCorruptFile when the file holds something else than an object
  [[nodiscard]] static Config read(const std::string& path);
  /// @param path  names the object in messages
  Config(nlohmann::json object, std::string path);

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] const nlohmann::json& json() const noexcept { return object_; }
  /// True when the key is there and not null.
  [[nodiscard]] bool has(std::string_view key) const;
  /// "_class_name" of diffusers' configs, else the first of "architectures" of transformers', else "".
  [[nodiscard]] std::string class_name() const;

  /// The value, or nothing when it is absent or null. @throws Error kCorruptFile for another type
  template <typename T>
  [[nodiscard]] std::optional<T> optional(std::string_view key) const;
  /// The value, or `fallback`, which is the reference's default. @throws Error kCorruptFile for another type
  template <typename T>
  [[nodiscard]] T get(std::string_view key, T fallback) const {
    std::optional<T> value = optional<T>(key);
    return value ? std::move(*value) : std::move(fallback);
  }
  /// The value. @throws Error kCorruptFile when it is absent or of another type
  template <typename T>
  [[nodiscard]] T require(std::string_view key) const {
    std::optional<T> value = optional<T>(key);
    if (!value) missing(key);
    return std::move(*value);
  }

  /// An integer from `least` to `most`: sizes and counts, which a hostile file would make negative or enormous.
  /// @throws Error kCorruptFile naming the range
  [[nodiscard]] int64_t get_in(std::string_view key, int64_t fallback, int64_t least, int64_t most) const;
  [[nodiscard]] int64_t require_in(std::string_view key, int64_t least, int64_t most) const;
  [[nodiscard]] std::optional<int64_t> optional_in(std::string_view key, int64_t least, int64_t most) const;
  /// The same for every element of a list, which must have `count` elements (any number when negative).
  [[nodiscard]] std::vector<int64_t> get_list_in(std::string_view key, std::vector<int64_t> fallback, int64_t least,
                                                 int64_t most, int64_t count = -1) const;

  /// A list of `count` values that may be written as one value for all of them, as diffusers' block and norm types.
  /// @throws Error kCorruptFile for another type or number of elements
  template <typename T>
  [[nodiscard]] std::vector<T> get_per_block(std::string_view key, size_t count, const T& fallback) const;

  /// An object within this one, such as transformers' "rope_parameters". @throws Error kCorruptFile for another type
  [[nodiscard]] std::optional<Config> object(std::string_view key) const;

  /// Keys that are in the file and not in `known`, for a warning; those that begin with '_' are bookkeeping.
  [[nodiscard]] std::vector<std::string> unknown_keys(std::span<const std::string_view> known) const;

  /// For checks of the caller's own: throws kCorruptFile "<path>: '<key>' is <value>, but <expected>".
  [[noreturn]] void wrong(std::string_view key, std::string_view expected) const;

 private:
  [[nodiscard]] const nlohmann::json* find(std::string_view key) const;
  [[noreturn]] void missing(std::string_view key) const;
  void check_in(std::string_view key, int64_t value, int64_t least, int64_t most) const;

  nlohmann::json object_;
  std::string path_;
};

}  // namespace swan::io
