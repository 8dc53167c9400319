#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "hub/url.h"
#include "swan/hub.h"

namespace swan::hub {

/// The value of a variable; nothing for one that is not set.
using Variables = std::function<std::optional<std::string>(const std::string& name)>;

/// What a hub is used with: the options, and of what they leave open what the environment says. The variables and their
/// order are those of huggingface_hub's constants.py.
struct Environment {
  Url endpoint;
  std::string cache;         ///< absolute folder of the models--org--name
  std::string token;         ///< empty: none
  std::string token_source;  ///< for messages: "HF_TOKEN" or the path of a file; never the token
  bool offline = false;
  bool symlinks = true;      ///< not $HF_HUB_DISABLE_SYMLINKS
  std::string certificates;  ///< file of those to trust: $SSL_CERT_FILE, else the system's; empty: where libcurl looks
  int connections = 8;
  std::chrono::seconds answer_timeout{10};      ///< $HF_HUB_ETAG_TIMEOUT: without any answer
  std::chrono::seconds silence_timeout{10};     ///< $HF_HUB_DOWNLOAD_TIMEOUT: without a byte
  std::chrono::milliseconds retry_delay{1000};  ///< $SWAN_HUB_RETRY_MS: before the first retry, doubled for each
};

/// @throws Error kInvalidArgument naming the option or variable that makes no sense, and what it should be
[[nodiscard]] Environment read_environment(const HubOptions& options, const Variables& variables);
/// With the process's own variables.
[[nodiscard]] Environment read_environment(const HubOptions& options);

}  // namespace swan::hub
