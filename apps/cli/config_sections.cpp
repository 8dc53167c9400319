#include "cli/config_sections.h"

namespace swan::cli {

std::vector<config::Section> config_sections() {
  return {
      {"variables", "Values of your own, for ${variables.NAME} elsewhere"},
      {"prompt", "What to draw or show"},
      {"input", "Files to start from, to be controlled by, or to repeat"},
      {"model", "Which weights, and where they compute"},
      {"sampling", "How noise becomes a picture or a video"},
      {"output", "Files and reports"},
      {"memory", "What may be used of the machine"},
      {"hub", "Where models come from that are named org/name"},
      {"convert", "swan convert"},
      {"server", "swan serve"},
      {"training", "Training; checked, and read by no command of this program yet"},
      {"evaluation", "Evaluation; checked, and read by no command of this program yet"},
      {"deployment", "How a server is put in front of users; checked, and read by no command of this program yet"},
  };
}

std::vector<config::Field> fields_without_options() {
  return {{.path = "variables", .type = config::Type::kMap, .description = "Any keys and values"}};
}

}  // namespace swan::cli
