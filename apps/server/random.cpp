#include "server/random.h"

#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <vector>

#include "swan/error.h"

namespace swan::server {

namespace {
constexpr std::string_view kPrefix = "job_";
constexpr std::string_view kAlphabet = "abcdefghijklmnopqrstuvwxyz234567";
constexpr size_t kIdCharacters = 26;  // 130 bits

void fill(void* bytes, size_t size) {
  auto* at = static_cast<unsigned char*>(bytes);
  while (size > 0) {
    const ssize_t count = getrandom(at, size, 0);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) throw Error(ErrorCode::kIo, "the system gives no random numbers (getrandom)");
    at += count;
    size -= static_cast<size_t>(count);
  }
}
}  // namespace

std::string random_word(size_t characters) {
  std::vector<unsigned char> bytes(characters);
  fill(bytes.data(), bytes.size());
  std::string word;
  for (const unsigned char byte : bytes) word.push_back(kAlphabet[byte & 31]);
  return word;
}

std::string new_job_id() { return std::string(kPrefix) + random_word(kIdCharacters); }

bool is_job_id(const std::string& text) noexcept {
  return text.size() == kPrefix.size() + kIdCharacters && text.starts_with(kPrefix) &&
         text.find_first_not_of(kAlphabet, kPrefix.size()) == std::string::npos;
}

uint64_t random_seed() {
  uint32_t seed = 0;
  fill(&seed, sizeof seed);
  return seed;
}

}  // namespace swan::server
