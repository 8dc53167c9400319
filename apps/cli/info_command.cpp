#include "cli/info_command.h"

#include "cli/cancel.h"
#include "cli/console.h"
#include "cli/file_report.h"
#include "cli/hub_options.h"
#include "cli/info_report.h"
#include "cli/values.h"

namespace swan::cli {

bool run_info(const InfoArguments& arguments) {
  std::string path = arguments.model && !arguments.model->empty() ? *arguments.model : default_image_model();
  {
    Console console(arguments.json, false);  // a report for programs comes without news for people
    LoadOptions files{.variant = arguments.variant.value_or("")};
    for_command("info", [&] { fetch_models(arguments, console, cancel_on_signal(arguments.json), path, files); });
  }
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
