#include <array>
#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/error.h"
#include "io/image_codecs.h"
#include "io/json.h"

namespace swan::io {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kProperty = "swan:metadata";
constexpr std::string_view kForeignXmpKey = "XML:com.adobe.xmp";
constexpr std::array<std::pair<char, std::string_view>, 5> kXmlEntities{
    {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&apos;"}}};

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

void append_utf8(std::string& out, uint32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0U | (code >> 6U));
    out += static_cast<char>(0x80U | (code & 0x3FU));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0U | (code >> 12U));
    out += static_cast<char>(0x80U | ((code >> 6U) & 0x3FU));
    out += static_cast<char>(0x80U | (code & 0x3FU));
  } else {
    out += static_cast<char>(0xF0U | (code >> 18U));
    out += static_cast<char>(0x80U | ((code >> 12U) & 0x3FU));
    out += static_cast<char>(0x80U | ((code >> 6U) & 0x3FU));
    out += static_cast<char>(0x80U | (code & 0x3FU));
  }
}

// One reference such as "&lt;" or "&#x4e2d;", from '&' up to and including ';'. An unknown one stands for itself.
void append_reference(std::string& out, std::string_view reference) {
  for (const auto& [character, entity] : kXmlEntities) {
    if (reference == entity) {
      out += character;
      return;
    }
  }
  if (reference.size() > 3 && reference[1] == '#') {
    const bool hex = reference[2] == 'x';
    const std::string_view digits = reference.substr(hex ? 3 : 2, reference.size() - (hex ? 4 : 3));
    uint32_t code = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), code, hex ? 16 : 10);
    if (error == std::errc() && end == digits.data() + digits.size() && code <= 0x10FFFF) {
      append_utf8(out, code);
      return;
    }
  }
  out += reference;
}

std::string unescape_xml(std::string_view text) {
  constexpr size_t kLongestReference = 10;  // "&#1114111;"
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const size_t end = text[at] == '&' ? text.substr(at, kLongestReference).find(';') : std::string_view::npos;
    if (end == std::string_view::npos) {
      out += text[at++];
    } else {
      append_reference(out, text.substr(at, end + 1));
      at += end + 1;
    }
  }
  return out;
}

// Where the property's text stands in the packet: as an element (what Swan writes), or as an attribute (what other
// programs may make of it). Nothing when the packet has no such property.
std::string_view find_property(const std::string& path, std::string_view packet) {
  for (size_t at = packet.find(kProperty); at != std::string_view::npos; at = packet.find(kProperty, at + 1)) {
    std::string_view rest = packet.substr(at + kProperty.size());
    char end = '<';
    if (rest.starts_with("=\"") || rest.starts_with("='")) {
      end = rest[1];
      rest.remove_prefix(2);
    } else if (rest.starts_with('>') && at > 0 && packet[at - 1] == '<') {
      rest.remove_prefix(1);
    } else {
      continue;
    }
    const size_t length = rest.find(end);
    if (length != std::string_view::npos) return rest.substr(0, length);
    fail(ErrorCode::kCorruptFile,
         "cannot read the metadata of {}: the XMP property {} does not end; expected '{}' before the packet's end. "
         "The file may be truncated.",
         path, kProperty, end);
  }
  return {};
}

}  // namespace

std::string keyword_to_latin1(std::string_view key) {
  std::string latin1;
  bool valid = true;
  for (size_t i = 0; i < key.size(); ++i) {
    auto byte = static_cast<uint8_t>(key[i]);
    if ((byte == 0xC2 || byte == 0xC3) && i + 1 < key.size()) {  // U+0080 to U+00FF
      const auto next = static_cast<uint8_t>(key[++i]);
      valid = valid && (next & 0xC0U) == 0x80;
      byte = static_cast<uint8_t>((byte & 0x03U) << 6U | (next & 0x3FU));
      valid = valid && byte > 0xA0;
    } else {
      valid = valid && byte >= 0x20 && byte < 0x7F;
    }
    valid = valid && !(byte == ' ' && (latin1.empty() || latin1.back() == ' '));
    latin1 += static_cast<char>(byte);
  }
  if (!valid || latin1.empty() || latin1.size() > 79 || latin1.back() == ' ') {
    fail(ErrorCode::kInvalidArgument,
         "cannot save metadata under the key '{}': expected 1 to 79 printable Latin-1 characters without leading, "
         "trailing or doubled spaces. Rename the key.",
         repair_utf8(std::string(key)));
  }
  return latin1;
}

std::string latin1_to_utf8(std::string_view text) {
  std::string utf8;
  utf8.reserve(text.size());
  for (const char c : text) append_utf8(utf8, static_cast<uint8_t>(c));
  return utf8;
}

std::string repair_utf8(std::string text) {
  const Json json(std::move(text));
  return Json::parse(json.dump(-1, ' ', false, Json::error_handler_t::replace)).get<std::string>();
}

void check_metadata(const std::string& path, const ImageMetadata& metadata) {
  size_t total = 0;
  for (const auto& [key, value] : metadata) {
    (void)keyword_to_latin1(key);
    if (value.find('\0') != std::string::npos) {
      fail(ErrorCode::kInvalidArgument, "cannot save {}: the metadata '{}' holds a zero byte, which PNG cannot store.",
           path, key);
    }
    total += key.size() + value.size();
  }
  // Half of what is read back: JSON and XML escapes may double it.
  if (total > kMaxMetadataBytes / 2) {
    fail(ErrorCode::kInvalidArgument, "cannot save {}: its metadata has {} bytes, expected at most {}. Shorten it.",
         path, total, kMaxMetadataBytes / 2);
  }
  (void)metadata_to_json(metadata);  // throws when a value is not UTF-8
}

std::string metadata_to_json(const ImageMetadata& metadata) {
  std::string json;
  try {
    json = Json(metadata).dump();
  } catch (const Json::exception& e) {
    fail(ErrorCode::kInvalidArgument, "cannot save metadata: a value is not UTF-8 ({}). Convert it first.", e.what());
  }
  // JSON may hold these as they are, XML may not.
  replace_all(json, "\x7F", "\\u007f");
  replace_all(json, "\xEF\xBF\xBE", "\\ufffe");
  replace_all(json, "\xEF\xBF\xBF", "\\uffff");
  return json;
}

std::string metadata_to_comment(const ImageMetadata& metadata) {
  return std::string(kCommentSignature) + metadata_to_json(metadata);
}

ImageMetadata metadata_from_comment(const std::string& path, std::string_view comment) {
  if (comment.starts_with(kCommentSignature)) return metadata_from_json(path, comment.substr(kCommentSignature.size()));
  return {{"Comment", repair_utf8(std::string(comment))}};
}

ImageMetadata metadata_from_json(const std::string& path, std::string_view json) {
  try {
    return parse_json(json, path, {.bytes = kMaxMetadataBytes, .depth = 1}).get<ImageMetadata>();
  } catch (const Json::exception& e) {
    fail(ErrorCode::kCorruptFile,
         "cannot read the metadata of {}: expected a JSON object of strings, as Swan writes it ({}). "
         "The file is damaged or was changed by another program.",
         path, e.what());
  }
}

std::string metadata_to_xmp(const ImageMetadata& metadata) {
  const std::string json = metadata_to_json(metadata);
  std::string escaped;
  escaped.reserve(json.size() + json.size() / 4);
  for (const char c : json) {
    // Quotes need no escape in an element's text; '>' does, for "]]>".
    if (c == '&' || c == '<' || c == '>') {
      escaped += c == '&' ? "&amp;" : c == '<' ? "&lt;" : "&gt;";
    } else {
      escaped += c;
    }
  }
  return fmt::format(
      "<?xpacket begin=\"\xEF\xBB\xBF\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n"
      "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\">\n"
      "<rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\n"
      "<rdf:Description rdf:about=\"\" xmlns:swan=\"urn:swan:1#\">\n"
      "<{0}>{1}</{0}>\n"
      "</rdf:Description>\n</rdf:RDF>\n</x:xmpmeta>\n<?xpacket end=\"r\"?>\n",
      kProperty, escaped);
}

ImageMetadata metadata_from_xmp(const std::string& path, std::string_view packet) {
  const std::string_view property = find_property(path, packet);
  if (property.data() == nullptr) return {{std::string(kForeignXmpKey), repair_utf8(std::string(packet))}};
  return metadata_from_json(path, unescape_xml(property));
}

}  // namespace swan::io
