#include "config/interpolate.h"

#include <fmt/format.h>

#include <set>

#include "config/limits.h"
#include "config/suggest.h"
#include "config/utf8.h"

namespace swan::config {

namespace {

constexpr std::string_view kOpen = "${";
constexpr std::string_view kEnv = "env:";
constexpr std::string_view kDefault = ":-";

// The text ends up here when a reference cannot be replaced; its reason is among the problems, if it is one.
struct Unusable {};

// Where the brace that closes text[begin - 1] is, or npos.
size_t closing_brace(std::string_view text, size_t begin) noexcept {
  int open = 1;
  for (size_t i = begin; i < text.size(); ++i) {
    if (text[i] == '{') ++open;
    if (text[i] == '}' && --open == 0) return i;
  }
  return std::string_view::npos;
}

class Interpolation {
 public:
  Interpolation(Value& root, const Schema& schema, const Variables& variables, bool whole, Problems& problems)
      : root_(root), schema_(schema), variables_(variables), whole_(whole), problems_(problems) {}

  void walk(Value& value, const std::string& path) {
    if (done_.contains(&value)) return;
    if (!value.scalar()) active_.push_back({&value, path});
    for (size_t i = 0; i < value.items.size(); ++i) walk(value.items[i], fmt::format("{}[{}]", path, i));
    for (Member& member : value.members) walk(member.value, joined(path, member.key));
    if (value.scalar()) {
      replace(value, path);
    } else {
      active_.pop_back();
    }
    done_.insert(&value);
  }

 private:
  struct Active {
    const Value* value;
    std::string path;
  };

  void replace(Value& value, const std::string& path) {
    if (value.kind != Value::Kind::kText || value.literal || value.text.find(kOpen) == std::string::npos) return;
    active_.push_back({&value, path});
    try {
      const std::string_view text = value.text;
      if (text.starts_with(kOpen) && closing_brace(text, 2) == text.size() - 1 && !text.substr(2).starts_with(kEnv)) {
        copy(value, path, std::string(text.substr(2, text.size() - 3)));
      } else {
        std::string out = expand(text, value.origin, path, 0);
        value.text = std::move(out);
        if (value.plain) value.kind = value.text.empty() ? Value::Kind::kText : plain_kind(value.text);
      }
      if (value.scalar()) set_kind(value, path);
    } catch (const Unusable&) {
      // Neither the text nor what else refers to it says more. A part keeps it: any text with a reference may stand
      // there.
      if (whole_) value = {.kind = Value::Kind::kNull, .origin = value.origin};
    }
    active_.pop_back();
  }

  // Makes a scalar what its key takes: text may look like a number, and quotes are needed around references in
  // brackets.
  void set_kind(Value& value, const std::string& path) const {
    const Field* field = schema_.find(path.substr(0, path.find('[')));
    if (field == nullptr || field->type == Type::kMap || value.kind == Value::Kind::kNull) return;
    const bool text = field->type == Type::kText || field->type == Type::kTexts || field->type == Type::kSize;
    value.kind = text || value.text.empty() ? Value::Kind::kText : plain_kind(value.text);
  }

  // Makes a value that is one reference the value it refers to.
  void copy(Value& value, const std::string& path, const std::string& reference) {
    const Value& found = refer(reference, value.origin, path);
    Value copied = found;
    nodes_ += copied.size();
    if (nodes_ > kMaxNodes) give_up(value.origin, path, fmt::format("references copy more than {} values", kMaxNodes));
    if (copied.depth() + static_cast<int>(split_path(path).size()) > kMaxDepth) {
      give_up(value.origin, path, fmt::format("references make lists and maps deeper than {}", kMaxDepth));
    }
    copied.origin = value.origin;
    copied.overridden = std::move(value.overridden);
    value = std::move(copied);
    mark_done(value);
  }

  void mark_done(const Value& value) {
    for (const Value& item : value.items) mark_done(item);
    for (const Member& member : value.members) mark_done(member.value);
    done_.insert(&value);
  }

  // The value at a path, with its own references replaced.
  const Value& refer(const std::string& reference, const Origin& origin, const std::string& path) {
    Value* found = root_.find_path(reference);
    if (found == nullptr || found->kind == Value::Kind::kNull) nothing_there(reference, origin, path);
    for (size_t i = 0; i < active_.size(); ++i) {
      if (active_[i].value != found) continue;
      std::string chain;
      for (size_t k = i; k < active_.size(); ++k) {
        if (k == i || active_[k].value->scalar()) chain += active_[k].path + " -> ";
      }
      give_up(origin, path, fmt::format("values refer to each other: {}{}", chain, reference));
    }
    if (references_ >= kMaxReferences) {
      give_up(origin, path, fmt::format("more than {} references lead from one to the next", kMaxReferences));
    }
    ++references_;
    walk(*found, reference);
    --references_;
    if (found->kind == Value::Kind::kNull) throw Unusable();
    return *found;
  }

  [[noreturn]] void nothing_there(const std::string& reference, const Origin& origin, const std::string& path) {
    if (reference.find(':') != std::string::npos) {
      give_up(origin, path,
              fmt::format("'${{{}}}' is none of ${{path.to.value}}, ${{env:NAME}} and ${{env:NAME:-default}}; nothing "
                          "else can be referred to, so that a configuration gives the same every time",
                          reference));
    }
    const Field* field = schema_.find(reference);
    const bool known = field != nullptr || schema_.is_section(reference);
    if (known && !whole_) throw Unusable();
    std::string meant = known ? "" : schema_.nearest_path(reference);
    if (field != nullptr && field->type == Type::kMap) meant = nearest_beside(reference);
    give_up(origin, path,
            fmt::format("it refers to '{}', which {}{}", reference, known ? "has no value" : "is no key",
                        meant.empty() ? "" : fmt::format("; did you mean {}?", meant)));
  }

  // Of a path in a map of the file's own keys: the nearest that there is.
  [[nodiscard]] std::string nearest_beside(const std::string& reference) const {
    const size_t dot = reference.rfind('.');
    if (dot == std::string::npos) return {};
    const Value* map = root_.find_path(std::string_view(reference).substr(0, dot));
    if (map == nullptr) return {};
    std::vector<std::string> keys;
    for (const Member& member : map->members) keys.push_back(member.key);
    const std::string meant = nearest(reference.substr(dot + 1), keys);
    return meant.empty() ? "" : joined(reference.substr(0, dot), meant);
  }

  // @param level  of references within the defaults of others
  std::string expand(std::string_view text, const Origin& origin, const std::string& path, int level) {
    if (level > kMaxReferences) give_up(origin, path, "defaults go deeper than can be meant");
    std::string out;
    size_t i = 0;
    while (i < text.size()) {
      if (text.substr(i).starts_with("$${")) {
        out += kOpen;
        i += 3;
      } else if (text.substr(i).starts_with(kOpen)) {
        const size_t end = closing_brace(text, i + 2);
        if (end == std::string_view::npos) {
          give_up(origin, path, "'${' has no '}'; write $${ for the characters themselves");
        }
        out += value_of(text.substr(i + 2, end - i - 2), origin, path, level);
        i = end + 1;
      } else {
        out += text[i++];
      }
      if (out.size() > kMaxBytes) give_up(origin, path, "references make it too long");
    }
    bytes_ += out.size();
    if (bytes_ > kMaxBytes) give_up(origin, path, fmt::format("references make more than {} bytes", kMaxBytes));
    return out;
  }

  std::string value_of(std::string_view reference, const Origin& origin, const std::string& path, int level) {
    if (reference.starts_with(kEnv)) return variable(reference.substr(kEnv.size()), origin, path, level);
    const Value& value = refer(std::string(reference), origin, path);
    if (!value.scalar()) {
      give_up(origin, path,
              fmt::format("it refers to '{}', which is {}, within a text; refer to a single value", reference,
                          described(value)));
    }
    return value.text;
  }

  std::string variable(std::string_view reference, const Origin& origin, const std::string& path, int level) {
    const size_t fallback = reference.find(kDefault);
    const std::string name(reference.substr(0, fallback));
    const auto found = variables_.find(name);
    const bool set = found != variables_.end();
    if (fallback != std::string_view::npos && (!set || found->second.empty())) {
      return expand(reference.substr(fallback + kDefault.size()), origin, path, level + 1);
    }
    if (!set && !whole_) throw Unusable();
    if (!set) {
      give_up(origin, path,
              fmt::format("the environment variable {} is not set; set it, or write ${{env:{}:-default}}", name, name));
    }
    if (find_invalid_utf8(found->second) != std::string::npos) {
      give_up(origin, path, fmt::format("the environment variable {} is not UTF-8", name));
    }
    return found->second;
  }

  [[noreturn]] void give_up(const Origin& origin, const std::string& path, std::string message) {
    problems_.push_back({origin, path, std::move(message)});
    throw Unusable();
  }

  Value& root_;
  const Schema& schema_;
  const Variables& variables_;
  const bool whole_;
  Problems& problems_;
  std::vector<Active> active_;  ///< what is being replaced, and what that is in
  std::set<const Value*> done_;
  int references_ = 0;  ///< that led here
  size_t nodes_ = 0;
  size_t bytes_ = 0;
};

}  // namespace

void interpolate(Value& root, const Schema& schema, const Variables& variables, bool whole, Problems& problems) {
  Interpolation(root, schema, variables, whole, problems).walk(root, "");
}

}  // namespace swan::config
