#include "tokenizers/tokenizer_json_reader.h"

#include <utility>

#include "core/error.h"
#include "tokenizers/definition.h"

namespace swan::tokenizers {
namespace {

using nlohmann::json;

/// Receives the parser's events. Values outside the two tables build `rest`.
class Handler : public nlohmann::json_sax<json> {
 public:
  explicit Handler(const std::string& path) : path_(path) {}
  [[nodiscard]] TokenizerJson take() { return std::move(result_); }

  bool null() override { return scalar(nullptr); }
  bool boolean(bool value) override { return scalar(value); }
  bool number_integer(number_integer_t value) override { return number(value, static_cast<double>(value)); }
  bool number_unsigned(number_unsigned_t value) override {
    // Beyond int64 it is no id; as -1 it is refused with the others.
    return number(value > INT64_MAX ? -1 : static_cast<int64_t>(value), static_cast<double>(value));
  }
  bool number_float(number_float_t value, const string_t& /*text*/) override {
    if (table_ == Table::kVocab && in_list_item()) return set_score(value);
    return scalar(value);
  }
  bool binary(binary_t& /*value*/) override { corrupt("it holds binary data"); }

  bool string(string_t& value) override {
    if (table_ == Table::kNone) return scalar(std::move(value));
    if (table_ == Table::kVocab && in_list_item() && item_size_ == 0) {
      result_.vocab.push_back({.text = std::move(value), .id = static_cast<int64_t>(result_.vocab.size())});
      check_count(result_.vocab.size());
    } else if (table_ == Table::kMerges && in_list_item() && item_size_ < 2) {
      if (item_size_ == 0) result_.merges.emplace_back();
      (item_size_ == 0 ? result_.merges.back().first : result_.merges.back().second) = std::move(value);
    } else if (table_ == Table::kMerges && depth_ == kTableDepth) {
      // The older form: "left right". Pieces contain no space: "▁" stands for it.
      const size_t space = value.find(' ');
      if (space == std::string::npos) corrupt(fmt::format("the merge '{}' has no space", value.substr(0, 40)));
      result_.merges.emplace_back(value.substr(0, space), value.substr(space + 1));
    } else {
      malformed_table();
    }
    ++item_size_;
    return true;
  }

  bool key(string_t& value) override {
    if (table_ != Table::kNone) {
      if (table_ != Table::kVocab || depth_ != kTableDepth) malformed_table();
      result_.vocab.push_back({.text = std::move(value), .id = -1});
      check_count(result_.vocab.size());
      return true;
    }
    if (depth_ == 1) root_key_ = value;
    if (depth_ == 2) model_key_ = value;
    if (open_.back()->contains(value)) corrupt(fmt::format("the key '{}' occurs twice", value.substr(0, 40)));
    key_ = std::move(value);
    return true;
  }

  bool start_object(size_t /*size*/) override { return start(json::object()); }
  bool start_array(size_t /*size*/) override { return start(json::array()); }
  bool end_object() override { return end(); }
  bool end_array() override { return end(); }

  bool parse_error(size_t /*position*/, const std::string& /*token*/, const json::exception& error) override {
    fail(ErrorCode::kCorruptFile, "cannot load tokenizer: {} is not valid JSON: {}; download it again.", path_,
         error.what());
  }

 private:
  enum class Table : uint8_t { kNone, kVocab, kMerges };
  static constexpr int kTableDepth = 3;  // inside {"model": {"vocab": {
  static constexpr int kMaxDepth = 64;

  [[noreturn]] void corrupt(const std::string& what) const {
    fail(ErrorCode::kCorruptFile, "cannot load tokenizer: {} is not a valid tokenizer.json: {}; download it again.",
         path_, what);
  }
  [[noreturn]] void malformed_table() const {
    if (table_ == Table::kMerges) corrupt("model.merges must be a list of pairs of strings");
    corrupt("model.vocab must be an object of ids, or a list of pairs of a string and a score");
  }
  void check_count(size_t count) const {
    if (static_cast<int64_t>(count) > kMaxTokenId) corrupt("model.vocab has too many entries");
  }

  [[nodiscard]] bool in_list_item() const noexcept { return depth_ == kTableDepth + 1; }

  bool number(int64_t id, double score) {
    if (table_ == Table::kNone) return scalar(id);
    if (table_ == Table::kVocab && in_list_item()) return set_score(score);
    if (table_ != Table::kVocab || result_.vocab_is_list || depth_ != kTableDepth) malformed_table();
    if (id < 0 || id > kMaxTokenId) {
      corrupt(fmt::format("the id of '{}' is {}, expected 0 to {}", result_.vocab.back().text.substr(0, 40), id,
                          kMaxTokenId));
    }
    result_.vocab.back().id = id;
    return true;
  }

  bool set_score(double score) {
    if (item_size_ != 1) malformed_table();
    result_.vocab.back().score = score;
    ++item_size_;
    return true;
  }

  bool scalar(json value) {
    if (table_ != Table::kNone) malformed_table();
    insert(std::move(value));
    return true;
  }

  json* insert(json value) {
    if (open_.empty()) {
      result_.rest = std::move(value);
      return &result_.rest;
    }
    json& parent = *open_.back();
    if (parent.is_array()) return &parent.emplace_back(std::move(value));
    return &(parent[key_] = std::move(value));
  }

  bool start(json empty) {
    if (++depth_ > kMaxDepth) corrupt("its values are nested too deeply");
    if (table_ != Table::kNone) {
      const bool list = table_ == Table::kMerges || result_.vocab_is_list;
      if (!list || !empty.is_array() || !in_list_item()) malformed_table();
      item_size_ = 0;
      return true;
    }
    // The container being opened is the table itself when its key is model.vocab or model.merges.
    if (depth_ == kTableDepth && root_key_ == "model" && (model_key_ == "vocab" || model_key_ == "merges")) {
      table_ = model_key_ == "vocab" ? Table::kVocab : Table::kMerges;
      if (table_ == Table::kMerges && !empty.is_array()) malformed_table();
      if (table_ == Table::kVocab) result_.vocab_is_list = empty.is_array();
      bool& seen = table_ == Table::kVocab ? result_.has_vocab : result_.has_merges;
      if (std::exchange(seen, true)) corrupt(fmt::format("model.{} occurs twice", model_key_));
      return true;
    }
    open_.push_back(insert(std::move(empty)));
    return true;
  }

  bool end() {
    --depth_;
    if (table_ == Table::kNone) {
      open_.pop_back();
    } else if (depth_ == kTableDepth) {  // an item of a list
      if (item_size_ != 2) malformed_table();
    } else {
      table_ = Table::kNone;
    }
    return true;
  }

  const std::string& path_;
  TokenizerJson result_;
  std::vector<json*> open_;  // containers being filled, outermost first
  std::string key_, root_key_, model_key_;
  Table table_ = Table::kNone;
  int depth_ = 0;
  int item_size_ = 0;
};

}  // namespace

TokenizerJson parse_tokenizer_json(std::string_view text, const std::string& path) {
  Handler handler(path);
  try {
    json::sax_parse(text, &handler);
  } catch (const json::exception& error) {
    fail(ErrorCode::kCorruptFile, "cannot load tokenizer: {} is not valid JSON: {}; download it again.", path,
         error.what());
  }
  return handler.take();
}

}  // namespace swan::tokenizers
