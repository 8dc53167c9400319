#include "cli/completion.h"

#include <gtest/gtest.h>

#include "cli/values.h"

namespace swan::cli {
namespace {

std::string script(const char* shell) { return completion_script(shell, CommandLine().commands()); }

TEST(Completion, EveryOptionOfEveryCommandIsInEveryScript) {
  const std::string bash = script("bash");
  const std::string zsh = script("zsh");
  const std::string fish = script("fish");
  size_t options = 0;
  const std::vector<CommandInfo> commands = CommandLine().commands();
  ASSERT_EQ(commands.size(), 12U);
  for (const CommandInfo& command : commands) {
    for (const OptionInfo& option : command.options) {
      for (const std::string& name : option.long_names) {
        ++options;
        EXPECT_NE(bash.find("--" + name), std::string::npos) << name;
        EXPECT_NE(zsh.find("--" + name), std::string::npos) << name;
        EXPECT_NE(fish.find(" -l " + name), std::string::npos) << name;
      }
    }
  }
  EXPECT_GT(options, 30U);
}

TEST(Completion, ValuesKnowTheirKind) {
  const std::string fish = script("fish");
  EXPECT_NE(fish.find("-l dtype -x -a 'auto f32 bf16 f16 fp8'"), std::string::npos) << fish;
  EXPECT_NE(fish.find("-l scheduler -x -a 'dpmsolver++ flow-euler'"), std::string::npos);
  EXPECT_NE(fish.find("-s o -l output -r -F"), std::string::npos);
  EXPECT_NE(fish.find("-l json -d"), std::string::npos);
  EXPECT_NE(script("zsh").find("--model=[Repository in diffusers'\\'' layout"), std::string::npos);
}

TEST(Completion, UnknownShellsAreRefused) {
  EXPECT_THROW((void)script("tcsh"), UsageError);
  EXPECT_THROW((void)completion_script(std::nullopt, CommandLine().commands()), UsageError);
}

TEST(CommandLineTest, HelpFitsAnOrdinaryWindowAndShowsExamples) {
  const CommandLine command_line;
  for (const char* command : {"", "image", "video", "embed", "info", "convert", "config", "serve", "completion"}) {
    const std::string help = command_line.help(command);
    EXPECT_NE(help.find("Examples:\n  "), std::string::npos) << command;
    size_t begin = 0;
    while (begin < help.size()) {
      const size_t end = std::min(help.find('\n', begin), help.size());
      EXPECT_LE(end - begin, 120U) << help.substr(begin, end - begin);
      begin = end + 1;
    }
  }
}

}  // namespace
}  // namespace swan::cli
