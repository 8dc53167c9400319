#pragma once

#include "cli/arguments.h"

namespace swan::cli {

/// `swan convert`: writes a model in another layout and reports it. @throws UsageError, Error
void run_convert(const ConvertArguments& arguments);

}  // namespace swan::cli
