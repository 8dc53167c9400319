#include "tokenizers/text_repair/badness.h"

#include "tokenizers/text_repair/sequences.h"

namespace swan::tokenizers::text_repair {
namespace {

// Ref: ftfy 6.3.1 badness.py, BADNESS_RE, in its order
const Sequences& unlikely() {
  static const Sequences rules{
      "[{c1}]",
      ("[{bad}{lower_accented}{upper_accented}{box}{start_punctuation}{end_punctuation}{currency}{numeric}{law}] "
       "[{bad}]"),
      "[a-zA-Z] [{lower_common}{upper_common}] [{bad}]",
      "[{bad}] [{lower_accented}{upper_accented}{box}{start_punctuation}{end_punctuation}{currency}{numeric}{law}]",
      "[{lower_accented}{lower_common}{box}{end_punctuation}{currency}{numeric}] [{upper_accented}]",
      "[{box}{end_punctuation}{currency}{numeric}] [{lower_accented}]",
      "[{lower_accented}{box}{end_punctuation}] [{currency}]", "{space} [{upper_accented}] [{currency}]",
      "[{upper_accented}{box}] [{numeric}{law}]",
      "[{lower_accented}{upper_accented}{box}{currency}{end_punctuation}] [{start_punctuation}] [{numeric}]",
      "[{lower_accented}{upper_accented}{currency}{numeric}{box}{law}] [{end_punctuation}] [{start_punctuation}]",
      "[{currency}{numeric}{box}] [{start_punctuation}]", "[a-z] [{upper_accented}] [{start_punctuation}{currency}]",
      "[{box}] [{kaomoji}]",
      "[{lower_accented}{upper_accented}{currency}{numeric}{start_punctuation}{end_punctuation}{law}] [{box}]",
      "[{box}] [{end_punctuation}]",
      "[{lower_accented}{upper_accented}] [{start_punctuation}{end_punctuation}] [{word}]",
      // The ligature oe not followed by a plain letter, and degrees after capitals
      "[Œœ] [^A-Za-z]", "[{upper_accented}] °",
      // Windows-1252: two characters that the above do not cover, and Arabic
      R"([ÂÃÎÐ] [€œŠš¢£Ÿž\u00A0\u00AD®©°·»{start_punctuation}{end_punctuation}–—´])", "× [²³]",
      ("[ØÙ] [{common}{currency}{bad}{numeric}{start_punctuation}ŸŠ®°µ»] "
       "[ØÙ] [{common}{currency}{bad}{numeric}{start_punctuation}ŸŠ®°µ»]"),
      "à [²µ¹¼½¾]",
      // MacRoman
      "√ [±∂†≠®™´≤≥¥µø]", "≈ [°¢]", "‚ Ä [ìîïòôúùû†°¢π]", "‚ [âó] [àä°ê]",
      // Windows-1251
      "в Ђ", "[ВГРС] [{c1}{bad}{start_punctuation}{end_punctuation}{currency}°µ] [ВГРС]",
      R"(Г ў В Ђ В [^\u000A] [A-Za-z\u0020])",
      // Windows-1252: letters a with an accent, whose second byte looks like a space
      R"(Ã [\u00A0¡])", R"([a-z] [ÃÂ] \u0020)", R"([a-z] {space} [ÃÂ] \u0020)", R"(^ [ÃÂ] \u0020)",
      R"([a-z.,?!{end_punctuation}] Â [\u0020{start_punctuation}{end_punctuation}])",
      // Windows-1253 and 1257
      R"(β € [™\u00A0Ά\u00AD®°])", "[ΒΓΞΟ] [{c1}{bad}{start_punctuation}{end_punctuation}{currency}°] [ΒΓΞΟ]", "ā €"};
  return rules;
}

}  // namespace

bool is_bad(std::u32string_view text) { return unlikely().found_in(text); }

}  // namespace swan::tokenizers::text_repair
