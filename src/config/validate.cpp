// The only file that includes valijson, which takes long to compile.
#include "config/validate.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

#include "config/suggest.h"
#include "config/to_json.h"

namespace swan::config {

namespace {

constexpr const char* kEnvironments = "environments";

// A place in a document as valijson names it: "<root>", "[sampling]", "[seed]", "[0]".
using Place = std::vector<std::string>;

std::string without_brackets(const std::string& name) {
  return name.size() > 2 && name.front() == '[' ? name.substr(1, name.size() - 2) : name;
}

// The nearest value on the way to `place` that there is, and how many names led to it.
const Value* nearest_value(const Value& root, const Place& place, size_t& used) {
  const Value* value = &root;
  used = 0;
  for (const std::string& name : place) {
    if (value->kind == Value::Kind::kList) {
      size_t index = 0;
      const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), index);
      if (error != std::errc() || end != name.data() + name.size() || index >= value->items.size()) break;
      value = &value->items[index];
    } else {
      const Value* next = value->find(name);
      if (next == nullptr) break;
      value = next;
    }
    ++used;
  }
  return value;
}

std::string path_of(const Place& place, size_t count) {
  std::string path;
  for (size_t i = 0; i < count; ++i) path = joined(path, place[i]);
  return path;
}

// A hint for what people write in other programs' files.
std::string hint_for(const Field& field, const Value& value) {
  if (value.kind == Value::Kind::kText && field.type == Type::kFlag) {
    for (const char* yes_or_no : {"yes", "no", "on", "off", "y", "n"}) {
      if (nearest(value.text, {yes_or_no}) == yes_or_no) return "; write true or false";
    }
  }
  const bool quoted = value.kind == Value::Kind::kText && !value.plain && !value.text.empty();
  if (quoted && plain_kind(value.text) != Value::Kind::kText) {
    return "; write it without quotes";
  }
  if (value.scalar() && !field.choices.empty()) {
    if (const std::string meant = nearest(value.text, field.choices); !meant.empty()) {
      return fmt::format("; did you mean {}?", meant);
    }
  }
  return {};
}

// Explains what valijson found, in a document or one of its environments.
class Explainer {
 public:
  Explainer(const Schema& schema, const Value& root, Problems& problems)
      : schema_(schema), root_(root), problems_(problems) {}

  void explain(const Place& place, const std::string& description) {
    size_t used = 0;
    const Value& value = *nearest_value(root_, place, used);
    // Below "environments: NAME:" everything is as at the top.
    const bool chosen = used >= 2 && place[0] == kEnvironments;
    const Place within(place.begin() + (chosen ? 2 : 0), place.begin() + static_cast<ptrdiff_t>(used));
    const std::string path = path_of(within, within.size());
    const std::string shown = path_of(place, used);
    // Of a map this says only who touched it last: keys that others gave are beside those of options.
    if (value.origin.source == Origin::Source::kOption && value.kind != Value::Kind::kMap) return;
    if (const Field* field = field_above(within)) {
      // Several of its forms may have failed, and items of a list each.
      size_t count = used;
      const Value* whole = &value;
      const size_t keys = split_path(field->path).size() + (chosen ? 2 : 0);
      if (keys < used && field->type != Type::kMap) {
        const Place up(place.begin(), place.begin() + static_cast<ptrdiff_t>(keys));
        whole = nearest_value(root_, up, count);
      }
      const std::string at = path_of(place, count);
      if (!said_.insert(at).second) return;
      const Value& wrong = *whole;
      const Value& worst = item_to_blame(*field, wrong);
      problems_.push_back(
          {worst.origin, at,
           fmt::format("expected {}, but found {}{}", expected(*field), described(worst), hint_for(*field, worst))});
      return;
    }
    if (value.kind == Value::Kind::kMap) {
      // What is wrong with a map is an unknown key, or is said of what is in it.
      if (shown != kEnvironments) explain_keys(value, path, shown);
      return;
    }
    if (!said_.insert(shown).second) return;
    if (schema_.is_section(path) && !path.empty()) {
      problems_.push_back({value.origin, shown,
                           fmt::format("expected a map of its keys ({}), but found {}",
                                       fmt::join(schema_.keys(path), ", "), described(value))});
    } else {
      problems_.push_back({value.origin, shown, describe_top(place, value, description)});
    }
  }

 private:
  [[nodiscard]] const Field* field_above(const Place& place) const {
    for (size_t count = place.size(); count > 0; --count) {
      if (const Field* field = schema_.find(path_of(place, count))) return field;
    }
    return nullptr;
  }

  // Of a list the first item that cannot be right, else the value itself.
  [[nodiscard]] static const Value& item_to_blame(const Field& field, const Value& value) {
    if (value.kind != Value::Kind::kList) return value;
    for (const Value& item : value.items) {
      const bool number = item.kind == Value::Kind::kInteger || item.kind == Value::Kind::kNumber;
      const bool reference = item.kind == Value::Kind::kText && item.text.find("${") != std::string::npos;
      const bool good = field.type == Type::kTexts      ? number || item.kind == Value::Kind::kText
                        : field.type == Type::kNumbers  ? number || reference
                        : field.type == Type::kIntegers ? item.kind == Value::Kind::kInteger || reference
                                                        : true;
      if (!good) return item;
    }
    return value;
  }

  // Says which keys of a map are unknown.
  void explain_keys(const Value& map, const std::string& path, const std::string& shown) {
    std::vector<std::string> known = schema_.keys(path);
    if (shown.empty()) {
      known.emplace_back("extends");
      known.emplace_back(kEnvironments);
    }
    for (const Member& member : map.members) {
      if (std::find(known.begin(), known.end(), member.key) != known.end()) continue;
      const std::string at = joined(shown, member.key);
      if (!said_.insert(at).second) continue;
      std::string meant = shown.empty() ? nearest(member.key, known) : "";
      if (meant.empty()) meant = schema_.nearest_path(joined(path, member.key));
      if (begins(meant, path)) meant = meant.substr(path.empty() ? 0 : path.size() + 1);
      problems_.push_back(
          {member.origin, at,
           fmt::format("unknown key; {}", meant.empty() ? fmt::format("there are {}", fmt::join(known, ", "))
                                                        : fmt::format("did you mean {}?", meant))});
    }
  }

  static bool begins(const std::string& text, const std::string& path) {
    return path.empty() || text.starts_with(path + ".");
  }

  static std::string describe_top(const Place& place, const Value& value, const std::string& description) {
    if (!place.empty() && place[0] == "extends") {
      return fmt::format("expected a file's name or a list of them, but found {}", described(value));
    }
    if (!place.empty() && place[0] == kEnvironments) {
      return fmt::format("expected a map of {}, but found {}", place.size() < 2 ? "environments" : "sections",
                         described(value));
    }
    if (place.empty()) return fmt::format("expected a map of sections, but found {}", described(value));
    return description;
  }

  const Schema& schema_;
  const Value& root_;
  Problems& problems_;
  std::set<std::string> said_;  ///< paths that were explained
};

}  // namespace

struct Validator::Impl {
  valijson::Schema schema;
};

Validator::Validator(const Schema& schema) : schema_(schema), impl_(std::make_unique<Impl>()) {
  const nlohmann::json document = nlohmann::json::parse(schema.json().dump());
  const valijson::adapters::NlohmannJsonAdapter adapter(document);
  valijson::SchemaParser parser;
  parser.populateSchema(adapter, impl_->schema);
}

Validator::~Validator() = default;

void Validator::check(const Value& root, Problems& problems) const {
  const nlohmann::json document = to_json(root);
  const valijson::adapters::NlohmannJsonAdapter adapter(document);
  valijson::Validator validator;
  valijson::ValidationResults results;
  if (validator.validate(impl_->schema, adapter, &results)) return;
  Problems found;
  Explainer explainer(schema_, root, found);
  valijson::ValidationResults::Error error;
  while (results.popError(error)) {
    Place place;
    for (size_t i = 1; i < error.context.size(); ++i) place.push_back(without_brackets(error.context[i]));
    explainer.explain(place, error.description);
  }
  // As they stand in the file.
  std::stable_sort(found.begin(), found.end(), [](const Problem& a, const Problem& b) {
    return std::pair(a.where.line, a.where.column) < std::pair(b.where.line, b.where.column);
  });
  problems.insert(problems.end(), found.begin(), found.end());
}

}  // namespace swan::config
