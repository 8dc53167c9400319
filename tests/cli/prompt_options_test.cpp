#include "cli/prompt_options.h"

#include <gtest/gtest.h>

#include "cli/command_line.h"
#include "cli/image_job.h"
#include "cli/values.h"
#include "fake_engine.h"
#include "run_program.h"

namespace swan::cli {
namespace {

class PromptOptions : public ProgramFixture {
 protected:
  static ImageJob job_of(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "image");
    return make_image_job(CommandLine().parse(arguments).image);
  }
  // The message of wrong usage, or of an error with this code.
  static std::string message_of(const std::vector<std::string>& arguments,
                                ErrorCode code = ErrorCode::kInvalidArgument) {
    try {
      (void)job_of(arguments);
    } catch (const UsageError& e) {
      return e.what();
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), code) << e.what();
      return e.what();
    }
    return "";
  }
  static void says(const std::vector<std::string>& arguments, const std::string& text) {
    const std::string message = message_of(arguments);
    EXPECT_NE(message.find(text), std::string::npos) << message;
  }
};

TEST_F(PromptOptions, AFileHasAPromptALine) {
  const std::string list = write("list.txt",
                                 "\xEF\xBB\xBF"
                                 "a fox\r\n\n# a comment\n  \t \n  两只猫 # no comment\nlast");
  const ImageJob job = job_of({"--prompts", list, "--seed", "5", "-n", "2"});
  EXPECT_EQ(job.request.prompt, (std::vector<std::string>{"a fox", "  两只猫 # no comment", "last"}));
  EXPECT_EQ(job.prompt_lines, (std::vector<size_t>{1, 5, 6}));
  EXPECT_EQ(job.files(), 6U);
}

TEST_F(PromptOptions, SeedsAndNegativePromptsOfAFileAreOneForAllOrOneEach) {
  const std::string list = write("list.txt", "a\nb\n");
  EXPECT_EQ(job_of({"--prompts", list, "--seed", "1,2"}).request.num_images_per_prompt, 1);
  EXPECT_EQ(job_of({"--prompts", list, "--seed", "1,2,3,4"}).request.num_images_per_prompt, 2);
  says({"--prompts", list, "--seed", "1,2,3"}, "3 seeds for 2 pictures");
  EXPECT_EQ(job_of({"--prompts", list, "--negative-prompt", "c", "--negative-prompt", "d"}).files(), 2U);
  says({"--prompts", list, "--negative-prompt", "c", "--negative-prompt", "d", "--negative-prompt", "e"},
       "3 negative prompts for 2 prompts");
}

TEST_F(PromptOptions, FilesThatHoldNoPromptsAreRefused) {
  says({"--prompts", write("none.txt", "# only this\n\n")}, "holds no prompt");
  says({"--prompts", write("bad.txt", "a\nb\xFF\n")}, "is not UTF-8 at byte 3");
  says({"--prompts", write("long.txt", std::string((1 << 20) + 1, 'x'))}, "is longer than 1 MiB");
  EXPECT_NE(message_of({"--prompts", path("nothing.txt")}, ErrorCode::kNotFound).find("name a text file"),
            std::string::npos);
  EXPECT_NE(message_of({"--prompts", folder_.string()}, ErrorCode::kIo).find("it is a folder"), std::string::npos);
  std::string many;
  for (int i = 0; i < 20; ++i) many += "x\n";
  says({"--prompts", write("many.txt", many), "-n", "10000"}, "200000 pictures are more than one command makes");
}

TEST_F(PromptOptions, WaysToGiveThePromptExcludeEachOther) {
  const std::string list = write("list.txt", "a\n");
  says({"x", "--prompts", list}, "given twice, by itself and with --prompts");
  says({"--prompt", "x", "--prompts", list}, "given twice, by itself and with --prompts");
  says({"x", "--prompt-embeds", "embeds.safetensors"}, "--prompt-embeds takes the place of the prompt");
  says({"--prompts", list, "--prompt-embeds", "embeds.safetensors"}, "takes the place of --prompts");
  says({"--prompt-embeds", "embeds.safetensors", "--complex-instruction", "none"}, "--complex-instruction");
}

TEST_F(PromptOptions, EmbeddingsTakeThePlaceOfThePrompt) {
  fake_engine().embedding_rows = 2;
  ImageJob job = job_of({"--prompt-embeds", "embeds.safetensors", "-n", "3", "--negative-prompt", "fog"});
  EXPECT_TRUE(job.request.prompt.empty());
  EXPECT_TRUE(job.request.prompt_embeds.defined());
  EXPECT_FALSE(job.request.negative_prompt_embeds.defined());
  EXPECT_EQ(job.request.negative_prompt, std::vector<std::string>{"fog"});
  EXPECT_EQ(job.files(), 6U);
  fake_engine().negative_embeddings = true;
  job = job_of({"--prompt-embeds", "embeds.safetensors"});
  EXPECT_TRUE(job.request.negative_prompt_embeds.defined());
  says({"--prompt-embeds", "embeds.safetensors", "--negative-prompt", "fog"},
       "'embeds.safetensors' holds the negative prompt's embeddings too");
  EXPECT_NE(message_of({"--prompt-embeds", "none.safetensors"}, ErrorCode::kNotFound), "");
}

TEST_F(PromptOptions, EmbeddingsReplaceThePromptOfAFile) {
  fake_engine().repeatable.request.prompt = {"old", "older"};
  fake_engine().metadata = {{"swan", "{}"}};
  const ImageJob job = job_of({"--from", "old.png", "--prompt-embeds", "embeds.safetensors"});
  EXPECT_TRUE(job.request.prompt.empty());
  EXPECT_FALSE(job.only);
  EXPECT_EQ(job.files(), 1U);
}

TEST_F(PromptOptions, InterpolationGoesFromOnePromptToAnother) {
  const ImageJob job = job_of({"a", "--prompt-to", "b", "--interpolate", "5"});
  ASSERT_TRUE(job.interpolation);
  EXPECT_EQ(job.interpolation->prompt_to, "b");
  EXPECT_EQ(job.interpolation->count, 5);
  EXPECT_FALSE(job.interpolation->spherical);
  EXPECT_EQ(job.files(), 5U);
  EXPECT_TRUE(
      job_of({"a", "--prompt-to", "", "--interpolate", "2", "--interpolation", "spherical"}).interpolation->spherical);
  EXPECT_EQ(job_of({"a", "--prompt-to", "b", "--interpolate", "5", "--seed", "1,2"}).files(), 10U);
}

TEST_F(PromptOptions, InterpolationNeedsBothEnds) {
  says({"a", "--prompt-to", "b"}, "--prompt-to needs --interpolate N, the number of pictures on the way");
  says({"a", "--interpolate", "3"}, "--interpolate needs --prompt-to TEXT");
  says({"a", "--interpolation", "linear"}, "needs --prompt-to");
  says({"a", "--prompt-to", "b", "--interpolate", "1"}, "--interpolate is '1', but must be a whole number from 2");
  says({"a", "--prompt-to", "b", "--interpolate", "3", "--interpolation", "lin"}, "did you mean linear?");
  says({"--prompt", "a", "--prompt", "c", "--prompt-to", "b", "--interpolate", "3"}, "there are 2 prompts; give one");
  says({"--prompts", write("list.txt", "a\n"), "--prompt-to", "b", "--interpolate", "3"}, "there are 1 prompts");
  says({"--prompt-embeds", "embeds.safetensors", "--prompt-to", "b", "--interpolate", "3"}, "not --prompt-embeds");
}

TEST_F(PromptOptions, TheCacheOfEmbeddingsIsChosen) {
  EXPECT_EQ(job_of({"a"}).load.embed_cache.directory, "its cache");
  EXPECT_EQ(job_of({"a", "--embed-cache", "off"}).load.embed_cache.directory, "");
  EXPECT_EQ(job_of({"a", "--embed-cache", "./off"}).load.embed_cache.directory, "./off");
  EXPECT_EQ(job_of({"a", "--embed-cache", "x"}).load.embed_cache.max_bytes, EmbedCacheOptions().max_bytes);
}

}  // namespace
}  // namespace swan::cli
