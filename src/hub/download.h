#pragma once

#include <string>
#include <vector>

#include "hub/api.h"
#include "hub/cache.h"
#include "hub/progress.h"

namespace swan::hub {

/// Brings files of a commit into the cache, several at once and large ones in several ranges, each checked against its
/// name before it gets there. Files that are there are only linked. What a stop or an error leaves is resumed.
/// @param files  each with an etag that is the digest of its content, or at least fit to be a file's name
/// @throws Error kIo, kCorruptFile, kCancelled
void download_files(const Environment& env, Stop& stop, const CachedRepo& cache, const std::string& repo,
                    const std::string& commit, const std::vector<RemoteFile>& files, ProgressMeter& progress);

}  // namespace swan::hub
