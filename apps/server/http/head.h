#pragma once

#include <boost/beast/core/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <variant>

#include "server/http/handler.h"
#include "server/http/limits.h"

namespace swan::server {

using RequestParser = boost::beast::http::request_parser<boost::beast::http::string_body>;

/// Reads what Beast's parser (RFC 9112) has taken for a request line and headers, and is stricter, so that no proxy
/// before us can see another request than we do: an ASCII target that is a path with a query; one Host in HTTP/1.1; no
/// two lengths; no Transfer-Encoding but "chunked". Content-Encoding is refused (415): nothing is unpacked.
/// @param parser  that has parsed a head
[[nodiscard]] std::variant<Request, HeadError> read_head(const RequestParser& parser, const HeadLimits& limits = {});

/// What to say of an error of Beast's parser.
[[nodiscard]] HeadError refusal_of(const boost::beast::error_code& error);

}  // namespace swan::server
