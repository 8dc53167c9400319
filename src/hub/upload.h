#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "hub/api.h"
#include "hub/progress.h"

namespace swan::hub {

/// A file of a folder that goes to a hub.
struct LocalFile {
  std::string path;  ///< in the repository
  std::string disk;  ///< where it is
  uint64_t size = 0;
  bool large = false;    ///< goes to the storage of large files (LFS), by the hub's choice
  bool present = false;  ///< the hub has this content under this path already
  std::string digest;    ///< SHA-256 of large ones, git's SHA-1 of others
};

/// One PUT of a large file: the whole, or one of its parts.
struct UploadPart {
  std::string address;
  uint64_t begin = 0, size = 0;
};

/// How a hub wants one large file, of its answer to a batch request of git-lfs.
struct UploadPlan {
  std::vector<UploadPart> parts;                             ///< empty: the hub has it already
  std::vector<std::pair<std::string, std::string>> headers;  ///< of a single part
  std::string complete;                                      ///< where several parts are joined; empty for a single one
  std::string verify;                                        ///< where it is checked; empty: nowhere
};

/// @param object  one of "objects";  @throws Error kIo for one that makes no sense, or that the hub refuses
[[nodiscard]] UploadPlan parse_upload_plan(const nlohmann::json& object, const LocalFile& file);

/// Uploads large files that the hub does not have, several parts at once. @return the bytes that were sent
/// @throws Error kIo, kCancelled; what is complete by then is not sent the next time
uint64_t upload_files(const Environment& env, Stop& stop, HubApi& api, const std::string& revision,
                      const std::vector<const LocalFile*>& files, ProgressMeter& progress);

}  // namespace swan::hub
