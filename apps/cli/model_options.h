#pragma once

#include <string>

#include "cli/arguments.h"
#include "swan/pipeline.h"

namespace swan::cli {

/// Sets the parts of a model that come from elsewhere, as far as they are given. @throws UsageError
void set_model_files(const ModelFileArguments& arguments, LoadOptions& load);

/// Sets which repository is opened and how, as far as it is given; the cache of embeddings always.
/// @throws UsageError
void set_model(const ModelArguments& arguments, std::string& model, LoadOptions& load, int& threads);

/// Sets the LoRAs, instead of those that were there, as far as they are given. @throws UsageError
void set_loras(const LoraArguments& arguments, LoadOptions& load);

/// @throws UsageError when both --quiet and --verbose are given
void check_report(const ReportArguments& arguments);

}  // namespace swan::cli
