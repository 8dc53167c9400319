#include "hub/libraries.h"

#include <dlfcn.h>

#include "core/error.h"

namespace swan::hub {

namespace {

void* load_library(const char* name, const char* package) {
  void* library = ::dlopen(name, RTLD_LAZY | RTLD_LOCAL);
  if (library == nullptr) {
    const char* reason = ::dlerror();
    fail(ErrorCode::kUnsupported,
         "models cannot be fetched: the library {} cannot be loaded ({}); install it (on Debian: apt-get install {}), "
         "or "
         "give the folder of a model that is on disk.",
         name, reason != nullptr ? reason : "no reason given", package);
  }
  return library;
}

template <typename Function>
void load_function(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(library, name));
  if (function == nullptr)
    fail(ErrorCode::kUnsupported,
         "models cannot be fetched: a library of this machine has no function {}; install libcurl 7.85 and OpenSSL 3, "
         "or "
         "newer.",
         name);
}

Curl load_curl() {
  void* library = load_library("libcurl.so.4", "libcurl4");
  Curl api;
#define SWAN_LOAD(name) load_function(library, #name, api.f_##name);
  SWAN_CURL_FUNCTIONS(SWAN_LOAD)
  if (api.f_curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
    fail(ErrorCode::kUnsupported, "models cannot be fetched: libcurl cannot be initialised; install it again.");
  return api;
}

Crypto load_crypto() {
  void* library = load_library("libcrypto.so.3", "libssl3");
  Crypto api;
  SWAN_CRYPTO_FUNCTIONS(SWAN_LOAD)
#undef SWAN_LOAD
  return api;
}

}  // namespace

const Curl& curl() {
  static const Curl api = load_curl();
  return api;
}

const Crypto& crypto() {
  static const Crypto api = load_crypto();
  return api;
}

}  // namespace swan::hub
