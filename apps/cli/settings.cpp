#include "cli/settings.h"

#include <fmt/format.h>

#include <exception>

#include "cli/values.h"
#include "swan/error.h"
#include "swan/video.h"

namespace swan::cli {

namespace {

using Json = nlohmann::ordered_json;

ImageMetadata read_metadata(const std::string& path, bool video) {
  return video ? read_video_metadata(path) : read_image_metadata(path);
}

// The metadata of a picture or a video: which of them it is, is not known yet. Where neither can be read, the reason is
// that of the kind that was expected.
ImageMetadata read_either(const std::string& path, bool video) {
  std::exception_ptr reason;
  try {
    return read_metadata(path, video);
  } catch (const Error& e) {
    if (e.code() == ErrorCode::kNotFound) throw;
    reason = std::current_exception();
  }
  try {
    return read_metadata(path, !video);
  } catch (const Error&) {
    std::rethrow_exception(reason);
  }
}

}  // namespace

std::string read_settings(const std::string& path, const std::string& command) {
  const bool video = command == "video";
  const ImageMetadata metadata = read_either(path, video);
  const auto settings = metadata.find("swan");
  if (settings == metadata.end()) {
    throw Error(ErrorCode::kNotFound,
                fmt::format("cannot repeat '{}': it carries no settings of Swan. {} made by 'swan {}' do, until "
                            "another program saves them anew; give the prompt and the options instead.",
                            path, video ? "Videos" : "Pictures", command));
  }
  // An animated WebP and a frame of a folder look like pictures; only the settings tell.
  const Json json = parse_settings(settings->second);
  if (!json.empty() && json.contains("num_frames") != video) {
    const char* other = video ? "image" : "video";
    throw UsageError(fmt::format("cannot repeat '{}' here: it was made by 'swan {}'; use swan {} --from '{}'", path,
                                 other, other, path));
  }
  return settings->second;
}

std::string with_settings(const std::string& settings, const Json& further) {
  if (further.empty()) return settings;
  Json json = Json::parse(settings, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return settings;
  for (const auto& [key, value] : further.items()) json[key] = value;
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json parse_settings(const std::string& settings) {
  Json json = Json::parse(settings, nullptr, /*allow_exceptions=*/false);
  return json.is_object() ? json : Json::object();
}

}  // namespace swan::cli
