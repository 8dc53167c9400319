#include "server/http/form.h"

#include "server/http/text.h"

namespace swan::server {

namespace {

constexpr size_t kMaxParts = 64;
constexpr size_t kMaxPartHead = 2048;
constexpr size_t kMaxBoundary = 70;  // RFC 2046 5.1.1

// The parameter of a header such as `form-data; name="a"; filename="b"`. Quotes end at the next quote, and a backslash
// escapes nothing: browsers and libraries write %22 (https://html.spec.whatwg.org/#multipart-form-data).
std::optional<std::string> parameter(std::string_view header, std::string_view name) {
  size_t at = header.find(';');
  while (at != std::string_view::npos) {
    ++at;
    const size_t equals = header.find('=', at);
    if (equals == std::string_view::npos) return std::nullopt;
    const bool wanted = lower_case(trimmed(header.substr(at, equals - at))) == name;
    std::string value;
    at = equals + 1;
    if (at < header.size() && header[at] == '"') {
      const size_t end = header.find('"', ++at);
      if (end == std::string_view::npos) return std::nullopt;  // no closing quote
      value = std::string(header.substr(at, end - at));
      at = header.find(';', end);
    } else {
      const size_t end = header.find(';', at);
      value = std::string(trimmed(header.substr(at, end == std::string_view::npos ? end : end - at)));
      at = end;
    }
    if (wanted) return value;
  }
  return std::nullopt;
}

// One part, its head and content; false where it is not well-formed.
bool add_part(std::string_view part, Form& form) {
  const size_t end = part.find("\r\n\r\n");
  if (end == std::string_view::npos || end > kMaxPartHead) return false;
  std::string_view head = part.substr(0, end + 2);
  std::string disposition;
  while (!head.empty()) {
    const size_t line_end = head.find("\r\n");
    const std::string_view line = head.substr(0, line_end);
    head.remove_prefix(line_end + 2);
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) return false;
    if (lower_case(line.substr(0, colon)) == "content-disposition") {
      disposition = std::string(trimmed(line.substr(colon + 1)));
    }
  }
  const std::optional<std::string> name = parameter(disposition, "name");
  if (media_type(disposition) != "form-data" || !name) return false;
  if (parameter(disposition, "filename") || parameter(disposition, "filename*")) {
    form.file_names.push_back(*name);
  } else {
    form.fields.emplace_back(*name, std::string(part.substr(end + 4)));
  }
  return true;
}

}  // namespace

std::string media_type(std::string_view content_type) {
  return lower_case(trimmed(content_type.substr(0, content_type.find(';'))));
}

std::optional<Form> parse_form(std::string_view content_type, std::string_view body) {
  if (media_type(content_type) != "multipart/form-data") return std::nullopt;
  const std::optional<std::string> boundary = parameter(content_type, "boundary");
  if (!boundary || boundary->empty() || boundary->size() > kMaxBoundary) return std::nullopt;
  const std::string delimiter = "\r\n--" + *boundary;

  // The first delimiter may stand at the very beginning, without a line end before it.
  size_t at = body.starts_with(std::string_view(delimiter).substr(2)) ? delimiter.size() - 2 : body.find(delimiter);
  if (at == std::string_view::npos) return std::nullopt;
  if (!body.starts_with(std::string_view(delimiter).substr(2))) at += delimiter.size();
  Form form;
  for (size_t parts = 0; parts <= kMaxParts; ++parts) {
    if (body.substr(at).starts_with("--")) return form;
    if (!body.substr(at).starts_with("\r\n")) return std::nullopt;
    at += 2;
    const size_t next = body.find(delimiter, at);
    if (next == std::string_view::npos || !add_part(body.substr(at, next - at), form)) return std::nullopt;
    at = next + delimiter.size();
  }
  return std::nullopt;
}

}  // namespace swan::server
