#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "server/http/request.h"

namespace swan::server {

/// The fields of a multipart/form-data body (RFC 7578).
struct Form {
  Fields fields;                        ///< those without a file name
  std::vector<std::string> file_names;  ///< names of fields that are files; their bytes are not kept
};

/// @param content_type  the request's, which names the boundary
/// @return nothing for another type, or where the body is not what the type says or has more than 64 parts
[[nodiscard]] std::optional<Form> parse_form(std::string_view content_type, std::string_view body);

/// "application/json" of "application/json; charset=utf-8", in lower case.
[[nodiscard]] std::string media_type(std::string_view content_type);

}  // namespace swan::server
