#include "config/yaml.h"

#include <fmt/format.h>
#include <yaml-cpp/anchor.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <map>
#include <sstream>

#include "config/limits.h"
#include "config/utf8.h"

namespace swan::config {

namespace {

// Reading ends here; what it stands at is among the problems.
struct Stop {};

// Makes values of the parser's events. Nothing recurses but the parser, which has a limit of its own.
class Builder final : public YAML::EventHandler {
 public:
  Builder(const Origin& origin, Problems& problems) : origin_(origin), problems_(problems) {}

  Value take() { return std::move(root_); }
  /// Where the document begins.
  [[nodiscard]] const YAML::Mark& start() const noexcept { return start_; }

  void OnDocumentStart(const YAML::Mark& mark) override { start_ = mark; }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    put({.kind = Value::Kind::kNull, .plain = true, .origin = at(mark)}, anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) {
      problem(mark, "an alias stands inside of what it is an alias of; write the value out");
      put({.origin = at(mark)}, YAML::NullAnchor);
      return;
    }
    Value copy = found->second;
    if (static_cast<int>(open_.size()) + copy.depth() > kMaxDepth) too_deep(mark);
    count(mark, copy.size() - 1);
    put(std::move(copy), YAML::NullAnchor);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    constexpr std::string_view kCore = "tag:yaml.org,2002:";
    const std::string_view core =
        std::string_view(tag).starts_with(kCore) ? std::string_view(tag).substr(kCore.size()) : std::string_view();
    if (tag == "!" || core == "str") {
      put(text_value(value, at(mark)), anchor);
    } else {
      if (!tag.empty() && tag != "?" && core != "int" && core != "float" && core != "bool" && core != "null") {
        refuse_tag(mark, tag);
      }
      put(plain_value(value, at(mark)), anchor);
    }
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    if (!tag.empty() && tag != "?" && tag != "!" && tag != "tag:yaml.org,2002:seq") refuse_tag(mark, tag);
    begin(Value::Kind::kList, mark, anchor);
  }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    if (!tag.empty() && tag != "?" && tag != "!" && tag != "tag:yaml.org,2002:map") refuse_tag(mark, tag);
    begin(Value::Kind::kMap, mark, anchor);
  }

  void OnSequenceEnd() override { end(); }
  void OnMapEnd() override { end(); }

  void problem(const YAML::Mark& mark, std::string message) {
    problems_.push_back({.where = at(mark), .path = path(), .message = std::move(message)});
  }

 private:
  struct Open {
    Value value = {};
    YAML::anchor_t anchor = YAML::NullAnchor;
    bool has_key = false;  ///< of a map: its value comes next
    std::string key = {};
    Origin key_origin = {};
  };

  [[nodiscard]] Origin at(const YAML::Mark& mark) const {
    Origin origin = origin_;
    origin.line = mark.line + 1;
    origin.column = mark.column + 1;
    return origin;
  }

  [[nodiscard]] std::string path() const {
    std::string path;
    for (const Open& open : open_) {
      if (open.has_key) path = joined(path, open.key);
    }
    return path;
  }

  void refuse_tag(const YAML::Mark& mark, const std::string& tag) {
    problem(mark, fmt::format("the tag '{}' means nothing here; leave it out", tag));
  }

  [[noreturn]] void too_deep(const YAML::Mark& mark) {
    problem(mark, fmt::format("lists and maps go deeper than {}", kMaxDepth));
    throw Stop();
  }

  void count(const YAML::Mark& mark, size_t nodes) {
    nodes_ += nodes;
    if (nodes_ <= kMaxNodes) return;
    problem(mark, fmt::format("it has more than {} values, aliases written out", kMaxNodes));
    throw Stop();
  }

  void begin(Value::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (static_cast<int>(open_.size()) >= kMaxDepth) too_deep(mark);
    open_.push_back({.value = {.kind = kind, .origin = at(mark)}, .anchor = anchor});
  }

  void end() {
    Open done = std::move(open_.back());
    open_.pop_back();
    put(std::move(done.value), done.anchor);
  }

  // Puts a complete value where it belongs.
  void put(Value value, YAML::anchor_t anchor) {
    YAML::Mark mark;
    mark.line = value.origin.line - 1;
    mark.column = value.origin.column - 1;
    count(mark, 1);
    if (anchor != YAML::NullAnchor) {
      count(mark, value.size());  // the copy that aliases are made of
      anchors_[anchor] = value;
    }
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (open_.back().value.kind == Value::Kind::kList) {
      open_.back().value.items.push_back(std::move(value));
    } else if (!open_.back().has_key) {
      put_key(value, mark);
    } else {
      Open& map = open_.back();
      if (const Member* first = same_key(map); first != nullptr) {
        problems_.push_back({.where = map.key_origin,
                             .path = path(),
                             .message = fmt::format("the key '{}' is there already, in line {}; leave one of them out",
                                                    map.key, first->origin.line)});
        map.has_key = false;
        return;
      }
      map.has_key = false;
      map.value.members.push_back({.key = std::move(map.key), .origin = map.key_origin, .value = std::move(value)});
    }
  }

  [[nodiscard]] static const Member* same_key(const Open& map) {
    for (const Member& member : map.value.members) {
      if (member.key == map.key) return &member;
    }
    return nullptr;
  }

  void put_key(const Value& value, const YAML::Mark& mark) {
    if (!value.scalar() || (value.kind == Value::Kind::kNull && value.text.empty())) {
      problem(mark, fmt::format("a key must be a word, but is {}", described(value)));
    } else if (value.text == "<<" && value.plain) {
      problem(mark, "'<<' is not merged here; extend another file, or repeat the keys");
    }
    Open& map = open_.back();
    map.key = value.text;
    map.key_origin = value.origin;
    map.has_key = true;
  }

  const Origin& origin_;
  Problems& problems_;
  std::vector<Open> open_;  ///< from the root to where the parser is
  std::map<YAML::anchor_t, Value> anchors_;
  size_t nodes_ = 0;
  YAML::Mark start_;
  Value root_;
};

}  // namespace

Value read_yaml(std::string_view text, const Origin& origin, Problems& problems) {
  Value nothing{.kind = Value::Kind::kMap, .origin = origin};
  const auto refuse = [&](std::string message) {
    Origin start = origin;
    start.line = start.column = 1;
    problems.push_back({.where = start, .path = {}, .message = std::move(message)});
    return nothing;
  };
  if (text.size() > kMaxBytes) return refuse(fmt::format("it is longer than {} bytes", kMaxBytes));
  if (const size_t at = find_invalid_utf8(text); at != std::string_view::npos) {
    return refuse(fmt::format("it is not UTF-8 at byte {}; convert it with iconv", at));
  }
  // The parser would take a null character for UTF-16 or an end.
  if (text.find('\0') != std::string_view::npos) return refuse("it has null characters; it must be UTF-8 text");

  Builder builder(origin, problems);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(builder)) return nothing;
    Value root = builder.take();
    Builder another(origin, problems);
    if (parser.HandleNextDocument(another)) {
      another.problem(another.start(), "it has several documents; keep the first, or write several files");
    }
    if (root.kind == Value::Kind::kNull) return nothing;
    return root;
  } catch (const Stop&) {
    return nothing;
  } catch (const YAML::Exception& e) {
    const bool references = text.find("${") != std::string_view::npos;
    builder.problem(e.mark, fmt::format("it cannot be read as YAML: {}{}", e.msg,
                                        references ? "; between [] or {} a reference ${...} needs quotes" : ""));
    return nothing;
  }
}

}  // namespace swan::config
