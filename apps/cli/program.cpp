#include "cli/program.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <new>
#include <string>
#include <vector>

#include "cli/cancel.h"
#include "cli/card_command.h"
#include "cli/command_line.h"
#include "cli/completion.h"
#include "cli/config_command.h"
#include "cli/console.h"
#include "cli/convert_command.h"
#include "cli/embed_command.h"
#include "cli/image_command.h"
#include "cli/info_command.h"
#include "cli/pull_command.h"
#include "cli/push_command.h"
#include "cli/report.h"
#include "cli/values.h"
#include "cli/video_command.h"
#include "swan/error.h"
#include "swan/version.h"

namespace swan::cli {

namespace {

int exit_code(ErrorCode code) noexcept {
  if (code == ErrorCode::kCancelled) return kExitCancelled;
  return code == ErrorCode::kInvalidArgument ? kExitUsage : kExitFailed;
}

// Whether the report is for a program.
bool wants_json(const Arguments& a) {
  switch (a.command) {
    case Arguments::Command::kImage:
      return a.image.json;
    case Arguments::Command::kVideo:
      return a.video.json;
    case Arguments::Command::kEmbed:
      return a.embed.json;
    case Arguments::Command::kInfo:
      return a.info.json;
    case Arguments::Command::kConvert:
      return a.convert.json;
    case Arguments::Command::kPull:
      return a.pull.json;
    case Arguments::Command::kPush:
      return a.push.json;
    case Arguments::Command::kCard:
      return a.card.json;
    default:
      return false;
  }
}

int run_command(const Arguments& arguments, const CommandLine& command_line, ServeCommand serve) {
  switch (arguments.command) {
    case Arguments::Command::kHelp:
      print_out(arguments.help);
      return kExitDone;
    case Arguments::Command::kVersion:
      print_out(fmt::format("swan {}\n", version()));
      return kExitDone;
    case Arguments::Command::kImage:
      run_image(arguments.image);
      return kExitDone;
    case Arguments::Command::kVideo:
      run_video(arguments.video);
      return kExitDone;
    case Arguments::Command::kEmbed:
      run_embed(arguments.embed);
      return kExitDone;
    case Arguments::Command::kInfo:
      return run_info(arguments.info) ? kExitDone : kExitFailed;
    case Arguments::Command::kConvert:
      run_convert(arguments.convert);
      return kExitDone;
    case Arguments::Command::kPull:
      run_pull(arguments.pull);
      return kExitDone;
    case Arguments::Command::kPush:
      run_push(arguments.push);
      return kExitDone;
    case Arguments::Command::kCard:
      run_card(arguments.card);
      return kExitDone;
    case Arguments::Command::kConfig:
      run_config(arguments.config, command_line.schema());
      return kExitDone;
    case Arguments::Command::kServe:
      if (serve == nullptr) {
        throw Error(ErrorCode::kUnsupported,
                    "this program was built without the server; build it with SWAN_SERVER=ON.");
      }
      serve(arguments.serve);
      return kExitDone;
    case Arguments::Command::kCompletion:
      print_out(completion_script(arguments.completion.shell, command_line.commands()));
      return kExitDone;
  }
  return kExitFailed;
}

// Says what went wrong: to people on standard error, to programs as the one line of JSON that they wait for.
void report_failure(const char* code, const std::string& message, bool json) {
  print_error("swan: " + message);
  if (json) print_out(error_json(code, message) + "\n");
}

int run_reporting(const std::vector<std::string>& typed, ServeCommand serve) {
  // Looked for before parsing, for an error in parsing is reported too; what follows "--" is no option.
  const auto options_end = std::find(typed.begin(), typed.end(), "--");
  bool json = std::find(typed.begin(), options_end, "--json") != options_end;
  CommandLine command_line;
  try {
    const Arguments arguments = command_line.parse(typed);
    json = json || wants_json(arguments);
    return run_command(arguments, command_line, serve);
  } catch (const UsageError& e) {
    report_failure("usage", command_line.explained(e.what()), json);
    print_error(fmt::format("Run 'swan {}{}--help' for help.", e.command(), e.command().empty() ? "" : " "));
    return kExitUsage;
  } catch (const Error& e) {
    report_failure(error_code_name(e.code()), command_line.explained(e.what()), json);
    return exit_code(e.code());
  } catch (const std::bad_alloc&) {
    report_failure(
        error_code_name(ErrorCode::kOutOfMemory),
        "out of memory; try a smaller size, fewer frames or fewer pictures at once, or close other programs.", json);
    return kExitFailed;
  } catch (const std::exception& e) {
    report_failure(error_code_name(ErrorCode::kInternal),
                   fmt::format("internal error: {}; please report it.", e.what()), json);
    return kExitFailed;
  }
}

}  // namespace

int run(int argc, const char* const* argv, ServeCommand serve) noexcept {
  try {
    prepare_standard_streams();
    std::vector<std::string> typed;
    for (int i = 1; i < argc; ++i) typed.emplace_back(argv[i]);
    return run_reporting(typed, serve);
  } catch (const std::exception& e) {
    // Reporting itself failed, e.g. standard output is a file on a full disk.
    std::fprintf(stderr, "swan: %s\n", e.what());
    return kExitFailed;
  }
}

}  // namespace swan::cli
