#include "tokenizers/charsmap.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <vector>

#include "core/error.h"
#include "tokenizers/unicode.h"

namespace swan::tokenizers {
namespace {

static_assert(std::endian::native == std::endian::little, "sentencepiece stores its tables little-endian");

/// How many replacements sentencepiece keeps while it looks for the longest: its results array has this size.
constexpr uint8_t kMaxMatches = 32;
/// Unicode's longest compatibility decomposition takes 33 bytes.
constexpr size_t kMaxReplacementBytes = 1024;

[[noreturn]] void corrupt(const std::string& path, const char* what) {
  fail(ErrorCode::kCorruptFile,
       "cannot load tokenizer: the normalisation table (precompiled_charsmap) in {} {}; download it again.", path,
       what);
}

/// One unit of a Darts-clone double array. Ref: darts.h of Darts-clone 0.32
struct Unit {
  uint32_t bits = 0;
  [[nodiscard]] bool has_leaf() const noexcept { return ((bits >> 8) & 1) != 0; }
  [[nodiscard]] bool is_leaf() const noexcept { return (bits >> 31) != 0; }
  [[nodiscard]] uint32_t value() const noexcept { return bits & 0x7FFFFFFFU; }
  [[nodiscard]] uint32_t label() const noexcept { return bits & 0x800000FFU; }
  [[nodiscard]] uint32_t offset() const noexcept { return (bits >> 10) << ((bits & 0x200U) >> 6); }
};

/// Walks everything reachable from the root of a trie, depth first and without recursion.
class TrieCheck {
 public:
  TrieCheck(std::vector<Unit> units, std::string_view replacements, const std::string& path)
      : units_(std::move(units)), replacements_(replacements), path_(path), states_(units_.size(), 0) {}

  void run() {
    enter(0);
    while (!stack_.empty()) {
      Frame& frame = stack_.back();
      if (frame.next_label == 256) {
        leave();
        continue;
      }
      const uint32_t label = frame.next_label++;
      const uint32_t child = frame.children ^ label;
      // NUL labels are where leaves live; a text's NUL could follow one only if its unit were not marked a leaf.
      if (units_[child].label() != label) continue;
      if (states_[child] == kOpen) corrupt(path_, "has a cycle");
      if (states_[child] == kNew) {
        enter(child);
      } else {
        frame.matches = std::max<uint8_t>(frame.matches, states_[child] - kDone);
      }
    }
  }

 private:
  // Nodes may be shared, as in any trie that is a minimal automaton; states_ remembers for each the most matches that
  // one walk through it can collect.
  static constexpr uint8_t kNew = 0, kOpen = 1, kDone = 2;
  struct Frame {
    uint32_t node;
    uint32_t children;  // child for label l: children ^ l
    uint32_t next_label;
    uint8_t matches;  // below this node
  };

  void enter(uint32_t node) {
    const Unit unit = units_[node];
    const uint32_t children = node ^ unit.offset();
    if ((children | 0xFFU) >= units_.size()) corrupt(path_, "points outside itself");
    // The root's leaf would be the empty text, which sentencepiece never looks at.
    if (unit.has_leaf() && node != 0) check_replacement(units_[children]);
    states_[node] = kOpen;
    stack_.push_back({node, children, 0, 0});
  }

  void leave() {
    const Frame frame = stack_.back();
    stack_.pop_back();
    const auto matches = static_cast<uint8_t>(frame.matches + (units_[frame.node].has_leaf() ? 1 : 0));
    if (matches > kMaxMatches) corrupt(path_, "nests more replacements than sentencepiece can hold");
    states_[frame.node] = kDone + matches;
    if (!stack_.empty()) stack_.back().matches = std::max(stack_.back().matches, matches);
  }

  void check_replacement(Unit leaf) const {
    const size_t begin = leaf.value();
    if (!leaf.is_leaf() || begin >= replacements_.size()) corrupt(path_, "names a replacement that it does not have");
    if (begin > 0 && replacements_[begin - 1] != '\0') corrupt(path_, "names the middle of a replacement");
    if (replacements_.substr(begin, kMaxReplacementBytes + 1).find('\0') == std::string_view::npos) {
      corrupt(path_, "has a replacement of absurd length");
    }
  }

  std::vector<Unit> units_;
  std::string_view replacements_;
  const std::string& path_;
  std::vector<uint8_t> states_;
  std::vector<Frame> stack_;
};

}  // namespace

void check_charsmap(std::string_view charsmap, const std::string& path) {
  uint32_t trie_bytes = 0;
  if (charsmap.size() <= sizeof trie_bytes) corrupt(path, "is cut short");
  std::memcpy(&trie_bytes, charsmap.data(), sizeof trie_bytes);
  charsmap.remove_prefix(sizeof trie_bytes);
  if (trie_bytes == 0 || trie_bytes % sizeof(Unit) != 0 || trie_bytes >= charsmap.size()) {
    corrupt(path, "states an impossible size");
  }
  std::vector<Unit> units(trie_bytes / sizeof(Unit));
  std::memcpy(units.data(), charsmap.data(), trie_bytes);
  const std::string_view replacements = charsmap.substr(trie_bytes);
  if (replacements.back() != '\0') corrupt(path, "is cut short");
  if (!is_utf8(replacements)) corrupt(path, "is not UTF-8");
  TrieCheck(std::move(units), replacements, path).run();
}

std::string decode_base64(std::string_view text, const std::string& path) {
  static constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::array<int8_t, 256> values{};
  values.fill(-1);
  for (size_t i = 0; i < kAlphabet.size(); ++i) values[static_cast<uint8_t>(kAlphabet[i])] = static_cast<int8_t>(i);

  if (text.size() % 4 != 0) corrupt(path, "is not base64");
  const size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  text.remove_suffix(padding);
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3 + 2);
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const int8_t value = values[static_cast<uint8_t>(c)];
    if (value < 0) corrupt(path, "is not base64");
    bits = (bits << 6) | static_cast<uint32_t>(value);
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes += static_cast<char>((bits >> count) & 0xFFU);
    }
  }
  return bytes;
}

}  // namespace swan::tokenizers
