#include "pipelines/complex_instruction.h"

namespace swan::pipelines {

// Sana's text encoder is an instruction-following decoder whose states are read, not its answer: a task and two
// examples before the prompt make the states richer in visual detail. Ref: Xie et al. 2024 (arXiv:2410.10629),
// section 2.3
const std::vector<std::string>& default_complex_human_instruction() {
  static const std::vector<std::string> lines = {
      "You turn a short request into an 'Enhanced prompt' that describes one picture in words a painter could follow. "
      "Judge how much the request already says:",
      "- When it says little, add what can be seen: colors, shapes, sizes, materials, light, and where things stand.",
      "- When it says a lot, keep every detail and only smooth the wording.",
      "- Never change what is asked for, how many there are, or the style.",
      "Examples of requests and their enhanced prompts:",
      "- User Prompt: a dog on a beach -> Enhanced: A wet golden retriever running along a wide sandy beach at low "
      "tide, "
      "small waves breaking behind it, late afternoon sun casting a long shadow.",
      "- User Prompt: an old library -> Enhanced: A tall reading room lined with dark oak shelves full of "
      "leather-bound "
      "books, green lamps on long tables, dust floating in a beam of light from a high arched window.",
      "Write only the enhanced prompt for the request below, without comments of your own:",
      "User Prompt: ",
  };
  return lines;
}

}  // namespace swan::pipelines
