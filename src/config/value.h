#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace swan::config {

/// Where a value was written.
struct Origin {
  enum class Source {
    kDefault,   ///< built in
    kFile,      ///< `name` is its path, as it was given or extended
    kVariable,  ///< `name` is the environment variable's
    kSetting,   ///< --set
    kOption,    ///< typed: `name` is the option's
  };

  Source source = Source::kDefault;
  std::shared_ptr<const std::string> name = {};  ///< shared by all values of a file
  int line = 0;                                  ///< of a file, from 1
  int column = 0;                                ///< of a file, in characters from 1
  int layer = 0;                                 ///< its place among Configuration::layers; a larger one is stronger

  /// "base.yaml:4:19", "$SWAN__SAMPLING__SEED", "--set", "--steps" or "default"
  [[nodiscard]] std::string str() const;
};

/// A key of a map and its value. A template, since a map's values are complete types only once Value is.
template <typename T>
struct MemberOf {
  std::string key = {};
  Origin origin = {};  ///< of the key itself
  T value = {};
};

struct Value;
using Member = MemberOf<Value>;

/// A part of a configuration: a scalar, a list or a map, and where it was written.
struct Value {
  enum class Kind { kNull, kFlag, kInteger, kNumber, kText, kList, kMap };

  Kind kind = Kind::kNull;
  std::string text = {};             ///< of a scalar, as it was written
  bool plain = false;                ///< a scalar without quotes: what it is is read from its text
  bool literal = false;              ///< "${" in it means itself
  std::vector<Value> items = {};     ///< of a list
  std::vector<Member> members = {};  ///< of a map, in the order in which they were written
  Origin origin = {};
  std::vector<Origin> overridden = {};  ///< values that this one replaced, weakest first

  [[nodiscard]] bool scalar() const noexcept { return kind != Kind::kList && kind != Kind::kMap; }
  /// The member of this name, or null.
  [[nodiscard]] Value* find(std::string_view key);
  [[nodiscard]] const Value* find(std::string_view key) const;
  /// What "sampling.guidance_scale" leads to, or null.
  [[nodiscard]] const Value* find_path(std::string_view path) const;
  [[nodiscard]] Value* find_path(std::string_view path);
  /// The member of this name; a new null if there was none, which makes this a map.
  Value& at(const std::string& key);
  /// Values in it, itself included.
  [[nodiscard]] size_t size() const;
  /// 1 for a scalar.
  [[nodiscard]] int depth() const;
};

/// What a scalar without quotes is, by YAML 1.2's core schema; of its numbers the decimal ones.
[[nodiscard]] Value::Kind plain_kind(std::string_view text) noexcept;

/// A scalar whose kind its text tells.
[[nodiscard]] Value plain_value(std::string text, const Origin& origin);
[[nodiscard]] Value text_value(std::string text, const Origin& origin);

/// Lays `over` on `base`: maps merge, anything else replaces; but a map without a value (`sampling:` and nothing below
/// it, which is null) leaves what there is.
void merge(Value& base, const Value& over);

/// "sampling.seed" as its names.
[[nodiscard]] std::vector<std::string> split_path(std::string_view path);
[[nodiscard]] std::string joined(const std::string& path, const std::string& key);

/// A value in words, for messages: "'high'", "a list".
[[nodiscard]] std::string described(const Value& value);

}  // namespace swan::config
