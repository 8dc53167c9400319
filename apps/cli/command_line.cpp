#include "cli/command_line.h"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <map>

#include "cli/suggest.h"
#include "cli/values.h"
#include "swan/pipeline.h"

namespace swan::cli {

namespace {

constexpr size_t kHelpColumn = 36;
constexpr size_t kHelpWidth = 110;

constexpr const char* kProgramExamples = R"(Examples:
  swan image "three strawberries on a blue background"
  swan image --help
  swan info models/swan-emoji-256
  source <(swan completion bash))";

constexpr const char* kImageExamples = R"(Examples:
  swan image "three strawberries on a blue background"
  swan image "一只红色的狐狸" --seed 7 -o fox.webp
  swan image "a lighthouse at dusk" --model ~/models/Sana_1600M_1024px_diffusers --steps 20 --guidance-scale 4.5
  swan image "a green apple" -n 4 -o apple.png          four pictures: apple_0.png ... apple_3.png
  swan image --prompt "a cat" --prompt "a dog" -o pet.png   one picture of each
  swan image --from fox.webp -o again.png               the very same picture
  swan image --from fox.webp --seed 8                   its settings with another seed
  swan image "a red car" --json | jq -r '.files[0]'

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 cancelled.
Without --model the embedded emoji model is used; SWAN_MODELS names a folder to find it in.)";

constexpr const char* kInfoExamples = R"(Examples:
  swan info models/swan-emoji-256
  swan info ~/models/Sana_600M_512px_diffusers --variant fp16
  swan info models/swan-emoji-256 --json

Exit codes: 0 complete, 1 something is missing or damaged, 2 wrong usage.)";

constexpr const char* kCompletionExamples = R"(Examples:
  source <(swan completion bash)                                   this session; put it in ~/.bashrc to keep it
  swan completion zsh > "${fpath[1]}/_swan"                        zsh, once
  swan completion fish > ~/.config/fish/completions/swan.fish      fish, once)";

// What people call an option in other programs, where the letters are too far from ours for `nearest`.
const std::map<std::string, std::string, std::less<>>& familiar_names() {
  static const std::map<std::string, std::string, std::less<>> table = {
      {"cfg", "guidance-scale"},    {"cfg-scale", "guidance-scale"},
      {"sampler", "scheduler"},     {"num-images-per-prompt", "num-images"},
      {"batch-size", "num-images"}, {"chi", "complex-instruction"},
      {"precision", "dtype"},       {"num-threads", "threads"},
      {"metadata", "from"},         {"model-path", "model"},
  };
  return table;
}

// Breaks a description into lines, so that the help fits its width.
std::string wrapped(const std::string& text) {
  std::string out;
  size_t line = 0;
  size_t begin = 0;
  while (begin < text.size()) {
    const size_t end = std::min(text.find(' ', begin), text.size());
    const size_t length = end - begin;
    if (line > 0 && line + 1 + length > kHelpWidth - kHelpColumn) {
      out += '\n';
      line = 0;
    } else if (line > 0) {
      out += ' ';
      ++line;
    }
    out.append(text, begin, length);
    line += length;
    begin = end + 1;
  }
  return out;
}

// CLI11's layout with our habits: "swan image [PROMPT] [options]", "-o, --output", one empty line between groups.
class HelpFormatter final : public CLI::Formatter {
 public:
  HelpFormatter() { column_width(kHelpColumn); }

  std::string make_usage(const CLI::App* app, std::string name) const override {
    if (app->get_parent() == nullptr) return "\nUsage: swan COMMAND [options]\n";
    std::string arguments;
    for (const CLI::Option* option : app->get_options()) {
      if (option->get_positional()) arguments += fmt::format(" [{}]", option->get_name(true, false));
    }
    return fmt::format("\nUsage: {}{} [options]\n", name, arguments);
  }

  std::string make_option_name(const CLI::Option* option, bool is_positional) const override {
    return CLI::detail::find_and_replace(CLI::Formatter::make_option_name(option, is_positional), ",", ", ");
  }

  std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override {
    return CLI::detail::find_and_replace(CLI::Formatter::make_help(app, std::move(name), mode), "\n\n\n", "\n\n");
  }
};

std::string one_line(std::string text) {
  for (char& c : text) {
    if (c == '\n') c = ' ';
  }
  return text;
}

std::vector<std::string> scheduler_choices() {
  std::vector<std::string> names;
  for (const auto& [name, description] : scheduler_names()) names.push_back(name);
  return names;
}

std::string scheduler_help() {
  std::string text = "Instead of the model's own:";
  const char* separator = " ";
  for (const auto& [name, description] : scheduler_names()) {
    text += fmt::format("{}{} ({})", separator, name, description);
    separator = ", ";
  }
  return text;
}

}  // namespace

struct CommandLine::State {
  CLI::App app{"Swan makes pictures from text, on your own machine.", "swan"};
  Arguments arguments;
  bool version = false;
  std::map<const CLI::Option*, ValueHint> hints;

  /// An option with one value, given at most once.
  void text(CLI::App* command, const std::string& names, std::optional<std::string>& value, const std::string& label,
            const std::string& description, ValueHint hint = {.kind = ValueHint::Kind::kText, .choices = {}}) {
    const auto store = [&value, names, command](const CLI::results_t& results) {
      if (results.size() > 1) {
        const std::string name = names.substr(names.find("--") == std::string::npos ? 0 : names.find("--"));
        throw UsageError(
            fmt::format("{} is given {} times; give it once", name.substr(0, name.find(',')), results.size()),
            command->get_name());
      }
      value = results.front();
      return true;
    };
    add(command, names, store, label, description, std::move(hint));
  }

  /// An option with one value, which may be repeated.
  void list(CLI::App* command, const std::string& names, std::vector<std::string>& values, const std::string& label,
            const std::string& description) {
    const auto store = [&values](const CLI::results_t& results) {
      values = results;
      return true;
    };
    add(command, names, store, label, description, {.kind = ValueHint::Kind::kText, .choices = {}});
  }

  void flag(CLI::App* command, const std::string& names, bool& value, const std::string& description) {
    CLI::Option* option = command->add_flag(names, value, wrapped(description));
    option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)->group(group);
    hints[option] = {};
  }

  std::string group = "Options";  ///< the heading under which the next options go

 private:
  void add(CLI::App* command, const std::string& names, const CLI::callback_t& store, const std::string& label,
           const std::string& description, ValueHint hint) {
    // One value each, whatever it looks like. CLI11's own conversion to vectors would split a prompt "[a, b]".
    CLI::Option* option = command->add_option(names, store, wrapped(description));
    option->expected(1)->allow_extra_args(false)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    option->type_name(label)->group(group);
    if (option->get_positional()) option->option_text(" ");
    hints[option] = std::move(hint);
  }
};

namespace {

using Kind = ValueHint::Kind;

template <typename State>
void define_image(State& s, CLI::App& app) {
  CLI::App* c = app.add_subcommand("image", "Make pictures from a prompt");
  c->footer(kImageExamples);
  ImageArguments& a = s.arguments.image;

  s.group = "Prompt";
  s.text(c, "PROMPT", a.positional_prompt, "", "What to draw, in quotes");
  s.list(c, "--prompt", a.prompt, "TEXT", "What to draw, instead of PROMPT; repeat it for several prompts in one run");
  s.list(c, "--negative-prompt", a.negative_prompt, "TEXT",
         "What to keep away from; one for all prompts, or one for each");
  s.text(c, "--complex-instruction", a.complex_instruction, "FILE|none",
         "Text that goes before the prompt, for models trained with one; default: Swan's own for those models",
         {.kind = Kind::kFile, .choices = {"none"}});
  s.text(c, "--max-sequence-length", a.max_sequence_length, "N", "Tokens of prompt that count (default 300)");
  s.text(c, "--from", a.from, "FILE",
         "Repeat the picture in FILE (PNG, WebP or JPEG made by Swan) exactly; other options override its settings",
         {.kind = Kind::kFile, .choices = {}});

  s.group = "Model";
  s.text(c, "--model", a.model, "DIR", "Repository in diffusers' layout (default: the embedded emoji model)",
         {.kind = Kind::kFolder, .choices = {}});
  s.text(c, "--variant", a.variant, "NAME", "Weights of this variant, such as fp16 for *.fp16.safetensors");
  s.text(c, "--dtype", a.dtype, "TYPE", "How weights are kept: auto (as stored, the default), f32, bf16 or f16",
         {.kind = Kind::kChoice, .choices = {"auto", "f32", "bf16", "f16"}});
  s.text(c, "--device", a.device, "NAME", "auto (default) or cpu", {.kind = Kind::kChoice, .choices = {"auto", "cpu"}});
  s.text(c, "--threads", a.threads, "N", "Threads to compute with (default: all cores); the picture is the same");

  s.group = "Picture";
  s.text(c, "--width", a.width, "PIXELS", "Default: the model's own size");
  s.text(c, "--height", a.height, "PIXELS", "Default: the model's own size");
  s.flag(c, "--no-resolution-binning", a.no_resolution_binning,
         "Compute at the size asked for instead of the nearest one that the model was trained on");
  s.text(c, "-n,--num-images", a.num_images, "N", "Pictures of each prompt (default 1)");
  s.text(c, "--seed", a.seed, "N[,N...]",
         "Where the noise starts (default: chosen at random, and reported); several: one for each picture");
  s.text(c, "--steps,--num-inference-steps", a.num_inference_steps, "N", "Denoising steps, 1 to 1000 (default 20)");
  s.text(c, "--guidance-scale", a.guidance_scale, "X",
         "How closely to follow the prompt (default 4.5); 1 or less: without guidance, twice as fast");
  s.text(c, "--scheduler", a.scheduler, "NAME", scheduler_help(),
         {.kind = Kind::kChoice, .choices = scheduler_choices()});

  s.group = "Files and reports";
  s.text(c, "-o,--output", a.output, "FILE",
         "Picture to write, .png, .jpg or .webp (default out.png); several go to out_0.png, out_1.png, ...",
         {.kind = Kind::kFile, .choices = {}});
  s.text(c, "--latents", a.latents, "FILE",
         "Start from the tensor 'latents' in this safetensors file instead of the seed's noise",
         {.kind = Kind::kFile, .choices = {}});
  s.text(c, "--save-latents", a.save_latents, "FILE",
         "Write the denoised latents too, as the tensor 'latents' of a safetensors file",
         {.kind = Kind::kFile, .choices = {}});
  s.flag(c, "--json", a.json, "Report on one line of JSON");
  s.flag(c, "--quiet", a.quiet, "Print nothing but errors");
  s.flag(c, "--verbose", a.verbose, "Say what is being done");
}

template <typename State>
void define_info(State& s, CLI::App& app) {
  CLI::App* c = app.add_subcommand("info", "Show what a model holds and what it lacks");
  c->footer(kInfoExamples);
  s.group = "Options";
  s.text(c, "MODEL", s.arguments.info.model, "", "Repository in diffusers' layout (default: the embedded emoji model)",
         {.kind = Kind::kFolder, .choices = {}});
  s.text(c, "--variant", s.arguments.info.variant, "NAME", "Look at this variant's weights, such as fp16");
  s.flag(c, "--json", s.arguments.info.json, "Report on one line of JSON");
}

template <typename State>
void define_completion(State& s, CLI::App& app) {
  CLI::App* c = app.add_subcommand("completion", "Print a script that completes swan's options in a shell");
  c->footer(kCompletionExamples);
  s.group = "Options";
  s.text(c, "SHELL", s.arguments.completion.shell, "", "bash, zsh or fish",
         {.kind = Kind::kChoice, .choices = {"bash", "zsh", "fish"}});
}

// CLI11 takes "--name=" for "--name" without a value, and then the next argument as its value.
std::vector<std::string> with_empty_values_apart(const std::vector<std::string>& arguments) {
  std::vector<std::string> out;
  bool options = true;
  for (const std::string& argument : arguments) {
    if (argument == "--") options = false;
    if (options && argument.starts_with("--") && argument.find('=') == argument.size() - 1) {
      out.push_back(argument.substr(0, argument.size() - 1));
      out.emplace_back();
    } else {
      out.push_back(argument);
    }
  }
  return out;
}

std::vector<std::string> long_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back(name);
  }
  return names;
}

// What to say about arguments that nothing took. The first option among them is the likeliest mistake: a word after it
// is often its value.
std::string describe_unknown(const CLI::App& command, const CLI::App& program,
                             const std::vector<std::string>& unknown) {
  for (const std::string& argument : unknown) {
    if (argument.size() < 2 || argument.front() != '-') continue;
    const std::string shown = argument.substr(0, argument.find('='));
    const std::string name = shown.substr(std::min(shown.find_first_not_of('-'), shown.size()));
    std::string meant = nearest(name, long_names(command));
    if (const auto familiar = familiar_names().find(name); familiar != familiar_names().end()) {
      const std::vector<std::string> names = long_names(command);
      if (std::find(names.begin(), names.end(), familiar->second) != names.end()) meant = familiar->second;
    }
    if (!meant.empty()) return fmt::format("unknown option '{}'; did you mean --{}?", shown, meant);
    if (&command == &program) {
      for (const CLI::App* other : program.get_subcommands({})) {
        if (other->get_option_no_throw(shown) == nullptr) continue;
        return fmt::format("'{}' is an option of 'swan {}'; put it after the command", shown, other->get_name());
      }
    }
    return fmt::format("unknown option '{}'", shown);
  }
  if (&command != &program) {
    return fmt::format("unexpected argument '{}'{}", unknown.front(),
                       command.get_name() == "image" ? "; put the whole prompt in one pair of quotes" : "");
  }
  if (unknown.front().find(' ') != std::string::npos) {
    return fmt::format("unknown command '{}'; to draw it: swan image \"...\"", unknown.front());
  }
  std::vector<std::string> names;
  for (const CLI::App* other : program.get_subcommands({})) names.push_back(other->get_name());
  const std::string meant = nearest(unknown.front(), names);
  return fmt::format(
      "unknown command '{}'{}", unknown.front(),
      meant.empty() ? "; there are image, info and completion" : fmt::format("; did you mean 'swan {}'?", meant));
}

}  // namespace

CommandLine::CommandLine() : state_(std::make_unique<State>()) {
  CLI::App& app = state_->app;
  const auto formatter = std::make_shared<HelpFormatter>();
  formatter->label("Positionals", "Arguments");
  app.formatter(formatter);
  app.set_help_flag();  // set again below, to come last
  app.add_flag("--version", state_->version, "Print the version and exit");
  app.footer(kProgramExamples);
  // At most one command, so that its words ("info") can be prompts of another; that one is there, and that nothing is
  // left over, is checked in parse, with messages of our own.
  app.require_subcommand(0, 1);
  app.allow_extras();
  define_image(*state_, app);
  define_info(*state_, app);
  define_completion(*state_, app);
  for (CLI::App* command : app.get_subcommands({})) {
    command->group("Commands")->allow_extras();
    command->set_help_flag("-h,--help", "Print this help and exit");
    command->get_help_ptr()->group(command->get_name() == "image" ? "Files and reports" : "Options");
  }
  app.set_help_flag("-h,--help", "Print this help and exit");
}

CommandLine::~CommandLine() = default;

Arguments CommandLine::parse(const std::vector<std::string>& arguments) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    const size_t at = find_invalid_utf8(arguments[i]);
    if (at == std::string::npos) continue;
    throw UsageError(fmt::format("argument {} is not UTF-8 at byte {}; use a UTF-8 terminal or locale, or convert the "
                                 "text with iconv",
                                 i + 1, at),
                     "");
  }

  CLI::App& app = state_->app;
  const auto parsed_command = [&app]() -> const CLI::App* {
    const std::vector<CLI::App*> parsed = app.get_subcommands();
    return parsed.empty() ? &app : parsed.front();
  };
  const auto command_name = [&]() { return parsed_command() == &app ? std::string() : parsed_command()->get_name(); };
  Arguments& result = state_->arguments;
  try {
    std::vector<std::string> reversed = with_empty_values_apart(arguments);
    std::reverse(reversed.begin(), reversed.end());
    app.parse(std::move(reversed));
  } catch (const CLI::CallForHelp&) {
    result.command = Arguments::Command::kHelp;
    result.help = help(command_name());
    return result;
  } catch (const CLI::ArgumentMismatch& e) {
    const std::string what = e.what();
    throw UsageError(fmt::format("{} needs a value", what.substr(0, what.find(':'))), command_name());
  } catch (const CLI::ParseError& e) {
    throw UsageError(e.what(), command_name());
  }

  if (state_->version) {
    result.command = Arguments::Command::kVersion;
    return result;
  }
  for (const CLI::App* command : {static_cast<const CLI::App*>(&app), parsed_command()}) {
    std::vector<std::string> unknown = command->remaining();
    std::erase(unknown, "--");  // CLI11 leaves the mark itself
    if (!unknown.empty()) {
      throw UsageError(describe_unknown(*command, app, unknown), command == &app ? "" : command->get_name());
    }
  }
  const std::string name = command_name();
  if (name.empty()) throw UsageError("a command is missing: image, info or completion", "");
  result.command = name == "image"  ? Arguments::Command::kImage
                   : name == "info" ? Arguments::Command::kInfo
                                    : Arguments::Command::kCompletion;
  return result;
}

std::string CommandLine::help(const std::string& command) const {
  if (command.empty()) return state_->app.help();
  return state_->app.get_subcommand(command)->help("swan");
}

std::vector<CommandInfo> CommandLine::commands() const {
  std::vector<CommandInfo> commands;
  std::vector<const CLI::App*> apps = {&state_->app};
  for (const CLI::App* app : state_->app.get_subcommands({})) apps.push_back(app);
  for (const CLI::App* app : apps) {
    CommandInfo info;
    info.name = app == &state_->app ? "" : app->get_name();
    info.description = app->get_description();
    for (const CLI::Option* option : app->get_options()) {
      OptionInfo o;
      o.long_names = option->get_lnames();
      o.short_names = option->get_snames();
      o.description = one_line(option->get_description());
      const auto hint = state_->hints.find(option);
      if (hint != state_->hints.end()) o.value = hint->second;
      if (o.value.kind != ValueHint::Kind::kNone) o.label = option->get_type_name();
      if (option->get_positional()) o.label = option->get_name(true, false);
      (option->get_positional() ? info.positionals : info.options).push_back(std::move(o));
    }
    commands.push_back(std::move(info));
  }
  return commands;
}

}  // namespace swan::cli
