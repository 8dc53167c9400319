#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace swan::hub {

/// What a hub's content is named by.
enum class DigestKind {
  kSha256,  ///< of large files (LFS)
  kGitBlob  ///< git's SHA-1 over "blob <size>\0" and the content
};

/// The kind of name that this is, by its length: 64 or 40 digits in lower case. @return false for neither
[[nodiscard]] bool digest_kind(std::string_view name, DigestKind& kind);

/// Sums up content as it comes.
class Digest {
 public:
  /// @param size  of the whole content, which git's name depends on
  Digest(DigestKind kind, uint64_t size);
  ~Digest();
  Digest(const Digest&) = delete;
  Digest& operator=(const Digest&) = delete;

  void update(const void* data, size_t bytes);
  /// In hexadecimal digits. To be called once.
  [[nodiscard]] std::string finish();

 private:
  void* context_;
};

[[nodiscard]] std::string digest_of(DigestKind kind, std::string_view content);

}  // namespace swan::hub
