#include "core/error.h"

#include <gtest/gtest.h>

namespace swan {
namespace {

TEST(Error, MessagesAreWellFormedUtf8) {
  EXPECT_EQ(printable_utf8("plain, 红苹果, 😀"), "plain, 红苹果, 😀");
  EXPECT_EQ(printable_utf8("\xff\xfe{}"), "??{}");
  EXPECT_EQ(printable_utf8("\xc0\x80"), "??");            // overlong
  EXPECT_EQ(printable_utf8("\xed\xa0\x80"), "???");       // a surrogate
  EXPECT_EQ(printable_utf8("\xf4\x90\x80\x80"), "????");  // beyond U+10FFFF
  EXPECT_EQ(printable_utf8("a\xe7\xba"), "a??");          // cut short
  try {
    fail(ErrorCode::kIo, "cannot read {}", "\xff.json");
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "cannot read ?.json");
    EXPECT_EQ(e.code(), ErrorCode::kIo);
  }
}

TEST(Error, CodesHaveNames) {
  EXPECT_STREQ(error_code_name(ErrorCode::kCorruptFile), "corrupt_file");
  EXPECT_STREQ(error_code_name(ErrorCode::kNumerical), "numerical");
}

}  // namespace
}  // namespace swan
