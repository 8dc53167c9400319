#include "hub/digest.h"

#include <algorithm>
#include <array>
#include <new>

#include "core/error.h"
#include "hub/libraries.h"

namespace swan::hub {

namespace {
EVP_MD_CTX* context(void* pointer) { return static_cast<EVP_MD_CTX*>(pointer); }

void check(int result) {
  if (result != 1) fail(ErrorCode::kInternal, "internal error: OpenSSL does not compute a digest; please report it.");
}
}  // namespace

bool digest_kind(std::string_view name, DigestKind& kind) {
  constexpr size_t kSha1Digits = 40, kSha256Digits = 64;
  if (name.size() != kSha1Digits && name.size() != kSha256Digits) return false;
  if (!std::all_of(name.begin(), name.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }))
    return false;
  kind = name.size() == kSha256Digits ? DigestKind::kSha256 : DigestKind::kGitBlob;
  return true;
}

Digest::Digest(DigestKind kind, uint64_t size) : context_(crypto().f_EVP_MD_CTX_new()) {
  if (context_ == nullptr) throw std::bad_alloc();
  const Crypto& api = crypto();
  check(api.f_EVP_DigestInit_ex(context(context_), kind == DigestKind::kSha256 ? api.f_EVP_sha256() : api.f_EVP_sha1(),
                                nullptr));
  if (kind == DigestKind::kGitBlob) {
    const std::string head = fmt::format("blob {}", size);
    update(head.c_str(), head.size() + 1);
  }
}

Digest::~Digest() { crypto().f_EVP_MD_CTX_free(context(context_)); }

void Digest::update(const void* data, size_t bytes) {
  check(crypto().f_EVP_DigestUpdate(context(context_), data, bytes));
}

std::string Digest::finish() {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned count = 0;
  check(crypto().f_EVP_DigestFinal_ex(context(context_), bytes.data(), &count));
  std::string text;
  for (unsigned i = 0; i < count; ++i) text += {kDigits[bytes[i] >> 4U], kDigits[bytes[i] & 15U]};
  return text;
}

std::string digest_of(DigestKind kind, std::string_view content) {
  Digest digest(kind, content.size());
  digest.update(content.data(), content.size());
  return digest.finish();
}

}  // namespace swan::hub
