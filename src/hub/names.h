#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace swan::hub {

/// A repository of a hub, or something in it.
struct HubName {
  std::string repo;      ///< "org/name"
  std::string revision;  ///< empty: not said
  std::string file;      ///< "vae" or "unet/model.gguf"; empty: the whole
};

/// Understands "org/name", "org/name/path", each with "@revision" at its end; huggingface_hub's
/// hf://org/name@revision/path; and addresses of pages (https://huggingface.co/org/name/blob/main/file).
/// @param endpoint  Url::place() of the hub that is asked, whose pages count besides those of the public one
/// @return nothing for what is a path on disk or no name at all
[[nodiscard]] std::optional<HubName> parse_hub_name(std::string_view text, std::string_view endpoint);

/// Of a path into a cache, ".../models--org--name/snapshots/<commit>/file", that is not there:
/// "org/name/file@<commit>". Else empty.
[[nodiscard]] std::string name_of_snapshot(const std::string& path);

/// "org/name": letters, digits, '-', '_' and '.', as the hub has it.
[[nodiscard]] bool is_repo_id(std::string_view id);
/// 40 digits of a commit.
[[nodiscard]] bool is_commit(std::string_view revision);
/// What git takes for a branch or tag, and what is safe below refs/ on disk.
[[nodiscard]] bool is_revision(std::string_view revision);

/// Why a file of this name must not be written, or empty: names from a hub are hostile. Allowed are relative paths of
/// valid UTF-8 without "..", backslashes, control characters and empty parts, of at most 1,024 bytes.
[[nodiscard]] std::string path_problem(std::string_view path);

/// Python's fnmatch, as huggingface_hub uses it: `*` goes through '/', and a pattern that ends in '/' means all below.
[[nodiscard]] bool matches_glob(std::string_view pattern, std::string_view path);

/// Percent-encodes all but letters, digits and "-_.~". @param keep_slashes  for a path of several parts
[[nodiscard]] std::string url_escaped(std::string_view text, bool keep_slashes);
/// Undoes it. What is no escape stays as it is.
[[nodiscard]] std::string url_unescaped(std::string_view text);

}  // namespace swan::hub
