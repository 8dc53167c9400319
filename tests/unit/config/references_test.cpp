#include "config_testing.h"

namespace swan::config {
namespace {

class References : public ConfigTest {};

TEST_F(References, AreReplacedAfterMerging) {
  write("base.yaml",
        "sampling: {height: \"${sampling.width}\"}\nvariables: {root: /data, model: \"${variables.root}/m\"}\n");
  inputs_.options = {{.path = "sampling.width", .name = "--width", .texts = {"640"}}};
  inputs_.variables = {{"HOME", "/home/x"}, {"EMPTY", ""}, {"N", "12"}};
  const Configuration c = resolved(
      "extends: base.yaml\n"
      "model: {model: \"${variables.model}\", dtype: \"${env:DT:-f32}\", lora: [\"${env:HOME}/l\", \"a$b\"], key: "
      "'$${x}$'}\n"
      "sampling: {steps: \"1${env:N}\", seed: \"${env:N}\"}\n"
      "output: {image: \"${env:EMPTY:-${env:NONE:-x}.png}\"}\n"
      "variables: {root: /other, copy: \"${variables.map}\", map: {k: [1, 2]}, w: \"${env:EMPTY}\"}\n");
  EXPECT_EQ(text(c, "model.model"), "/other/m");
  EXPECT_EQ(text(c, "model.dtype"), "f32");
  EXPECT_EQ(option_texts(*c.find("model.lora"), Type::kTexts), (std::vector<std::string>{"/home/x/l", "a$b"}));
  EXPECT_EQ(text(c, "model.key"), "${x}$");
  EXPECT_EQ(text(c, "sampling.height"), "640");
  EXPECT_EQ(text(c, "sampling.seed"), "12");
  EXPECT_EQ(text(c, "output.image"), "x.png");
  EXPECT_EQ(c.find("variables.copy.k")->items.size(), 2U);
  EXPECT_EQ(text(c, "variables.w"), "");
  // A reference is what it refers to; where it stands is where to change it.
  EXPECT_EQ(origin(c, "sampling.height"), "base.yaml:1:20");
}

TEST_F(References, AreWhatTheirKeyTakes) {
  inputs_.variables = {{"N", "12"}, {"T", "true"}};
  const Configuration c = resolved(
      "sampling: {steps: '${env:N}', sigmas: ['${env:N}', 1]}\nmodel: {model: '${env:T}', fuse: '${env:T}', lora: "
      "['${env:N}'], dtype: '${variables.f}'}\nvariables: {f: f32, t: true, n: '${env:N}'}\n");
  EXPECT_EQ(c.find("sampling.steps")->kind, Value::Kind::kInteger);
  EXPECT_EQ(c.find("model.model")->kind, Value::Kind::kText);
  EXPECT_EQ(c.find("model.fuse")->kind, Value::Kind::kFlag);
  EXPECT_EQ(c.find("model.lora")->items[0].kind, Value::Kind::kText);
  EXPECT_EQ(c.find("variables.n")->kind, Value::Kind::kText);  // it has quotes, and no key that takes something else
  EXPECT_EQ(
      refused("sampling: {steps: \"12\"}\n"),
      "config.yaml:1:19: sampling.steps: expected a whole number from 1 to 1000, but found '12'; write it without "
      "quotes");
  EXPECT_NE(refused("sampling: {steps: ${env:N}}\n").find("between [] or {} a reference ${...} needs quotes"),
            std::string::npos);
}

TEST_F(References, TypedOptionsMeanThemselves) {
  inputs_.options = {{.path = "model.model", .name = "--model", .texts = {"${env:NOT_SET}"}}};
  EXPECT_EQ(text(resolve(inputs_, schema_), "model.model"), "${env:NOT_SET}");
}

TEST_F(References, WhatCannotBeReplacedIsSaidAllAtOnce) {
  const std::string said = refused(
      "model:\n"
      "  model: ${model.dtypo}\n"
      "  dtype: ${env:NOT_SET}\n"
      "  key: ${now:%Y}\n"
      "  lora: [\"x ${sampling}\", \"${variables.sefl}\", \"${sampling.seed}\"]\n"
      "  memory_budget: \"${open\"\n"
      "sampling:\n"
      "  width: ${sampling.height}\n"
      "  height: ${variables.h}\n"
      "variables:\n"
      "  h: ${sampling.width}\n"
      "  self: ${variables}\n");
  for (const char* line :
       {"config.yaml:2:10: model.model: it refers to 'model.dtypo', which is no key; did you mean model.dtype?",
        "config.yaml:3:10: model.dtype: the environment variable NOT_SET is not set; set it, or write "
        "${env:NOT_SET:-default}",
        "config.yaml:4:8: model.key: '${now:%Y}' is none of ${path.to.value}, ${env:NAME} and ${env:NAME:-default}",
        "config.yaml:5:10: model.lora[0]: it refers to 'sampling', which is a map of keys, within a text",
        "config.yaml:5:27: model.lora[1]: it refers to 'variables.sefl', which has no value; did you mean "
        "variables.self?",
        "config.yaml:5:48: model.lora[2]: it refers to 'sampling.seed', which has no value",
        "config.yaml:6:18: model.memory_budget: '${' has no '}'",
        "values refer to each other: sampling.width -> sampling.height -> variables.h -> sampling.width",
        "config.yaml:12:9: variables.self: values refer to each other: variables -> variables.self -> variables"}) {
    EXPECT_NE(said.find(line), std::string::npos) << line << "\n" << said;
  }
}

TEST_F(References, HostileOnesCostLittle) {
  std::string laughs = "variables:\n  a0: " + std::string(1000, 'x') + "\n";
  std::string maps = "variables:\n  m0: {a: 1, b: 2, c: 3}\n";
  std::string chain = "variables:\n  c0: x\n";
  std::string nested = "model:\n  model: \"";
  for (int i = 1; i < 60; ++i) {
    const std::string n = std::to_string(i);
    const std::string b = std::to_string(i - 1);
    laughs += "  a" + n + ": \"${variables.a" + b + "}${variables.a" + b + "}${variables.a" + b + "}\"\n";
    maps += "  m" + n + ": {a: \"${variables.m" + b + "}\", b: \"${variables.m" + b + "}\"}\n";
    nested += "${env:X:-";
  }
  for (int i = 200; i > 0; --i) {
    chain += "  c" + std::to_string(i) + ": \"${variables.c" + std::to_string(i - 1) + "}\"\n";
  }
  EXPECT_NE(refused(laughs).find("references make"), std::string::npos);
  EXPECT_NE(refused(maps).find("references copy more than 20000 values"), std::string::npos);
  EXPECT_NE(refused(chain).find("more than 32 references lead from one to the next"), std::string::npos);
  EXPECT_NE(refused(nested + std::string(59, '}') + "\"\n").find("defaults go deeper"), std::string::npos);
  EXPECT_EQ(refused("variables: {a: \"" + std::string(300000, '$') + "{\"}\n"), "");
}

}  // namespace
}  // namespace swan::config
