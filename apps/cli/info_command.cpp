#include "cli/info_command.h"

#include "cli/console.h"
#include "cli/info_report.h"

namespace swan::cli {

bool run_info(const InfoArguments& arguments) {
  const std::string path = arguments.model && !arguments.model->empty() ? *arguments.model : default_image_model();
  const ModelInfo info = inspect_model(path, arguments.variant.value_or(""));
  print_out(arguments.json ? info_json(info) + "\n" : info_text(info));
  return info.complete();
}

}  // namespace swan::cli
