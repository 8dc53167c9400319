#include "hub/names.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <system_error>
#include <vector>

#include "core/error.h"

namespace swan::hub {

namespace {

bool is_letter_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

std::vector<std::string_view> parts_of(std::string_view path) {
  std::vector<std::string_view> parts;
  for (size_t begin = 0; begin <= path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    parts.push_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

std::string joined(const std::vector<std::string_view>& parts, size_t begin) {
  std::string path;
  for (size_t i = begin; i < parts.size(); ++i) path.append(i == begin ? "" : "/").append(parts[i]);
  return path;
}

// A name of two parts that ends so is a file on disk that is not there, not a repository.
bool looks_like_a_file(std::string_view name) {
  constexpr std::array<std::string_view, 10> kEndings = {".safetensors", ".gguf", ".pth",   ".pt",  ".ckpt",
                                                         ".bin",         ".json", ".model", ".png", ".sft"};
  return std::any_of(kEndings.begin(), kEndings.end(), [&](std::string_view e) { return name.ends_with(e); });
}

// "org/name/a/b" with its parts split; nothing when they make no name.
std::optional<HubName> from_parts(const std::vector<std::string_view>& parts, std::string revision) {
  if (parts.size() < 2) return std::nullopt;
  HubName name{.repo = joined({parts[0], parts[1]}, 0), .revision = std::move(revision), .file = joined(parts, 2)};
  if (!is_repo_id(name.repo) || (parts.size() == 2 && looks_like_a_file(parts[1]))) return std::nullopt;
  if (!name.revision.empty() && !is_revision(name.revision)) return std::nullopt;
  if (parts.size() > 2 && !path_problem(name.file).empty()) return std::nullopt;
  return name;
}

bool is_viewer(std::string_view part) {
  constexpr std::array<std::string_view, 5> kViewers = {"tree", "blob", "resolve", "raw", "blame"};
  return std::find(kViewers.begin(), kViewers.end(), part) != kViewers.end();
}

// "org/name/path@revision"
std::optional<HubName> from_name(std::string_view text) {
  std::string revision;
  if (const size_t at = text.rfind('@'); at != std::string_view::npos) {
    revision = text.substr(at + 1);
    text = text.substr(0, at);
    if (revision.empty()) return std::nullopt;
  }
  return from_parts(parts_of(text), std::move(revision));
}

// What follows the host in the address of a page: org/name, or org/name/(tree|blob|...)/revision[/file].
std::optional<HubName> from_page(std::string_view path) {
  path = path.substr(0, path.find_first_of("?#"));
  while (path.ends_with('/')) path.remove_suffix(1);
  std::vector<std::string> decoded;
  for (const std::string_view part : parts_of(path)) decoded.push_back(url_unescaped(part));
  std::vector<std::string_view> parts(decoded.begin(), decoded.end());
  if (parts.size() == 2) return from_parts(parts, "");
  if (parts.size() < 4 || !is_viewer(parts[2])) return std::nullopt;
  // refs/pr/1 is escaped in addresses that people copy, but not in all.
  std::string revision(parts[3]);
  size_t rest = 4;
  if (revision == "refs" && parts.size() >= 6) {
    revision = "refs/" + std::string(parts[4]) + "/" + std::string(parts[5]);
    rest = 6;
  }
  std::vector<std::string_view> named = {parts[0], parts[1]};
  named.insert(named.end(), parts.begin() + static_cast<std::ptrdiff_t>(rest), parts.end());
  return from_parts(named, std::move(revision));
}

// Where the revision ends at the beginning of "revision/path": at the first slash, but for refs/pr/N and
// refs/convert/NAME, which huggingface_hub takes as they stand.
size_t end_of_revision(std::string_view text) {
  for (const std::string_view special : {"refs/pr/", "refs/convert/"})
    if (text.starts_with(special)) return std::min(text.find('/', special.size()), text.size());
  return std::min(text.find('/'), text.size());
}

// What follows hf:// as huggingface_hub has it: [models/]org/name[@revision][/path], a revision's own slashes escaped.
// As elsewhere the revision may also come last.
std::optional<HubName> from_uri(std::string_view text) {
  constexpr std::string_view kModels = "models/";
  if (text.starts_with(kModels)) text.remove_prefix(kModels.size());
  for (const std::string_view other : {"datasets/", "spaces/", "kernels/", "buckets/"})
    if (text.starts_with(other)) return std::nullopt;
  const size_t slash = text.find('/'), at = text.find('@');
  if (at == std::string_view::npos || slash == std::string_view::npos || at < slash ||
      text.substr(slash + 1, at - slash - 1).find('/') != std::string_view::npos)
    return from_name(text);
  std::string_view rest = text.substr(at + 1);
  const size_t end = end_of_revision(rest);
  const std::string revision = url_unescaped(rest.substr(0, end));
  if (revision.empty()) return std::nullopt;
  const std::string path = std::string(text.substr(0, at)).append(rest.substr(end));
  return from_parts(parts_of(path), revision);
}

// The character at pattern[p] against c; moves p past it. A '[' without an end means itself, as in Python.
bool matches_one(std::string_view pattern, size_t& p, char c) {
  if (pattern[p] == '?') return ++p, true;
  if (pattern[p] != '[') return pattern[p++] == c;
  size_t at = p + 1;
  const bool inverted = at < pattern.size() && pattern[at] == '!';
  if (inverted) ++at;
  const size_t first = at;
  // A ']' that comes first is a member.
  const size_t end = at < pattern.size() ? pattern.find(']', first + 1) : std::string_view::npos;
  if (end == std::string_view::npos) return pattern[p++] == c;
  bool found = false;
  while (at < end) {
    if (at + 2 < end && pattern[at + 1] == '-') {
      found = found || (pattern[at] <= c && c <= pattern[at + 2]);
      at += 3;
    } else {
      found = found || pattern[at] == c;
      ++at;
    }
  }
  p = end + 1;
  return found != inverted;
}

}  // namespace

std::string name_of_snapshot(const std::string& path) {
  constexpr std::string_view kModels = "models--", kSnapshots = "/snapshots/";
  const size_t snapshots = path.find(kSnapshots);
  const size_t folder = snapshots == std::string::npos ? snapshots : path.rfind('/', snapshots - 1);
  std::error_code error;
  if (folder == std::string::npos || std::filesystem::exists(path, error)) return "";
  std::string repo = path.substr(folder + 1, snapshots - folder - 1);
  if (!repo.starts_with(kModels)) return "";
  repo.erase(0, kModels.size());
  const size_t dashes = repo.find("--");
  if (dashes == std::string::npos) return "";
  repo.replace(dashes, 2, "/");
  std::string rest = path.substr(snapshots + kSnapshots.size());
  const std::string commit = rest.substr(0, rest.find('/'));
  rest.erase(0, commit.size());
  if (!is_repo_id(repo) || !is_commit(commit)) return "";
  return repo + rest + "@" + commit;
}

bool is_repo_id(std::string_view id) {
  constexpr size_t kLongest = 96;
  const size_t slash = id.find('/');
  if (id.size() > kLongest || slash == std::string_view::npos || id.find('/', slash + 1) != std::string_view::npos)
    return false;
  if (id.find("--") != std::string_view::npos || id.find("..") != std::string_view::npos || id.ends_with(".git"))
    return false;
  for (const std::string_view part : {id.substr(0, slash), id.substr(slash + 1)}) {
    if (part.empty() || part.front() == '-' || part.front() == '.' || part.back() == '-' || part.back() == '.')
      return false;
    if (!std::all_of(part.begin(), part.end(),
                     [](char c) { return is_letter_or_digit(c) || c == '-' || c == '_' || c == '.'; }))
      return false;
  }
  return true;
}

bool is_commit(std::string_view revision) {
  constexpr size_t kDigits = 40;
  return revision.size() == kDigits && std::all_of(revision.begin(), revision.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

bool is_revision(std::string_view revision) {
  constexpr size_t kLongest = 200;
  constexpr std::string_view kForbidden = " ~^:?*[\\@";
  if (revision.empty() || revision.size() > kLongest) return false;
  if (!std::all_of(revision.begin(), revision.end(),
                   [&](char c) { return c > ' ' && c < '\x7f' && kForbidden.find(c) == std::string_view::npos; }))
    return false;
  if (revision.find("..") != std::string_view::npos) return false;
  const std::vector<std::string_view> parts = parts_of(revision);
  return std::none_of(parts.begin(), parts.end(), [](std::string_view part) {
    return part.empty() || part.front() == '.' || part.front() == '-' || part.back() == '.' || part.ends_with(".lock");
  });
}

std::string path_problem(std::string_view path) {
  constexpr size_t kLongest = 1024, kLongestPart = 255;
  if (path.empty()) return "it is empty";
  if (path.size() > kLongest) return "it is longer than 1,024 bytes";
  if (path.front() == '/') return "it is absolute";
  if (path.find('\\') != std::string_view::npos) return "it has a backslash";
  if (std::any_of(path.begin(), path.end(), [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; }))
    return "it has a control character";
  if (printable_utf8(std::string(path)) != path) return "it is not UTF-8";
  for (const std::string_view part : parts_of(path)) {
    if (part.empty()) return "it has an empty part";
    if (part == "." || part == "..") return "it leads to another folder";
    if (part.size() > kLongestPart) return "a part of it is longer than 255 bytes";
  }
  return "";
}

std::optional<HubName> parse_hub_name(std::string_view text, std::string_view endpoint) {
  if (text.starts_with("http://") || text.starts_with("https://")) {
    text.remove_prefix(text.find("//") + 2);
    for (const std::string_view hub : {std::string_view("huggingface.co"), std::string_view("hf.co"), endpoint})
      if (!hub.empty() && text.starts_with(hub) && text.substr(hub.size()).starts_with('/'))
        return from_page(text.substr(hub.size() + 1));
    return std::nullopt;
  }
  constexpr std::string_view kScheme = "hf://";
  return text.starts_with(kScheme) ? from_uri(text.substr(kScheme.size())) : from_name(text);
}

bool matches_glob(std::string_view pattern, std::string_view path) {
  const std::string below = pattern.ends_with('/') ? std::string(pattern) + "*" : "";
  if (!below.empty()) pattern = below;
  // One star to go back to is enough: what an earlier star took can be taken by the latest as well.
  size_t p = 0, s = 0, star = std::string_view::npos, resume = 0;
  while (s < path.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = ++p;
      resume = s;
      continue;
    }
    if (size_t next = p; p < pattern.size() && matches_one(pattern, next, path[s])) {
      p = next;
      ++s;
      continue;
    }
    if (star == std::string_view::npos) return false;
    p = star;
    s = ++resume;
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

std::string url_escaped(std::string_view text, bool keep_slashes) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (is_letter_or_digit(c) || c == '-' || c == '_' || c == '.' || c == '~' || (keep_slashes && c == '/')) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += {'%', kDigits[byte >> 4U], kDigits[byte & 15U]};
    }
  }
  return out;
}

std::string url_unescaped(std::string_view text) {
  const auto digit = [](char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
  };
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' && i + 2 < text.size() ? digit(text[i + 1]) : -1;
    const int low = high >= 0 ? digit(text[i + 2]) : -1;
    if (low >= 0) {
      out += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace swan::hub
