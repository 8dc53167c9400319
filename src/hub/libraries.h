#pragma once

#include <curl/curl.h>
#include <openssl/evp.h>

// libcurl and OpenSSL's libcrypto are loaded when a hub is first used. Linked, they would bring 33 libraries into every
// start of swan: measured with the fastest of 60 starts, 4.7 ms (libcurl) and 0.8 ms (libcrypto alone) on top of 0.7
// ms.
namespace swan::hub {

// clang-format off
#define SWAN_CURL_FUNCTIONS(X) \
  X(curl_easy_cleanup) X(curl_easy_getinfo) X(curl_easy_init) X(curl_easy_perform) X(curl_easy_reset) \
  X(curl_easy_setopt) X(curl_easy_strerror) X(curl_global_init) X(curl_slist_append) X(curl_slist_free_all)
#define SWAN_CRYPTO_FUNCTIONS(X) \
  X(EVP_DigestFinal_ex) X(EVP_DigestInit_ex) X(EVP_DigestUpdate) X(EVP_MD_CTX_free) X(EVP_MD_CTX_new) \
  X(EVP_sha1) X(EVP_sha256)
// clang-format on

/// The functions of libcurl that Swan calls, under their own names but for the prefix, since those are macros.
struct Curl {
#define SWAN_DECLARE(name) decltype(&::name) f_##name = nullptr;
  SWAN_CURL_FUNCTIONS(SWAN_DECLARE)
};
/// Those of libcrypto.
struct Crypto {
  SWAN_CRYPTO_FUNCTIONS(SWAN_DECLARE)
#undef SWAN_DECLARE
};

/// Load the libraries at the first call, for good.
/// @throws Error kUnsupported naming the library that is not there, and what to do
[[nodiscard]] const Curl& curl();
[[nodiscard]] const Crypto& crypto();

}  // namespace swan::hub
