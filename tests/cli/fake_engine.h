#pragma once

#include <functional>
#include <string>
#include <vector>

#include "swan/pipeline.h"

namespace swan::cli {

/// Stands for the library behind include/swan in this test program: it remembers what it was asked for and answers what
/// the test says. Pictures are saved as files of one line, their size and their metadata.
struct FakeEngine {
  std::string model;               ///< that was opened
  LoadOptions load;                ///< it was opened with
  ImageRequest request;            ///< of the last generate
  int threads = -1;                ///< last set_threads
  int generated = 0;               ///< calls of generate
  std::vector<std::string> saved;  ///< paths of save_image, in order

  std::function<void(const ImageRequest&, const Callbacks&)> during;  ///< runs in generate; may throw
  std::function<void(const std::string& path)> saving;                ///< runs in save_image; may throw
  ImageMetadata metadata;                                             ///< that read_image_metadata gives
  RepeatableRequest repeatable;                                       ///< that request_from_parameters gives
  ModelInfo info;                                                     ///< that inspect_model gives
  std::string inspected;                                              ///< path of the last inspect_model
};

/// The one of this program. Tests reset it: fake_engine() = {};
FakeEngine& fake_engine();

}  // namespace swan::cli
