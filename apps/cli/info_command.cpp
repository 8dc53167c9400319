#include "cli/info_command.h"

#include "cli/console.h"
#include "cli/file_report.h"
#include "cli/info_report.h"

namespace swan::cli {

bool run_info(const InfoArguments& arguments) {
  const std::string path = arguments.model && !arguments.model->empty() ? *arguments.model : default_image_model();
  if (is_single_file(path)) {
    const FileInfo info = inspect_file(path);
    print_out(arguments.json ? file_json(info) + "\n" : file_text(info));
    return info.problem.empty();
  }
  const ModelInfo info = inspect_model(path, arguments.variant.value_or(""));
  print_out(arguments.json ? info_json(info) + "\n" : info_text(info));
  return info.complete();
}

}  // namespace swan::cli
