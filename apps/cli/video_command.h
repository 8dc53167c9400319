#pragma once

#include "cli/arguments.h"

namespace swan::cli {

/// `swan video`: makes the videos, writes them as their frames come, and reports.
/// @throws UsageError, Error
void run_video(const VideoArguments& arguments);

}  // namespace swan::cli
