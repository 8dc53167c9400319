#include "config/configuration.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "config/files.h"
#include "config/interpolate.h"
#include "config/limits.h"
#include "config/suggest.h"
#include "config/validate.h"
#include "swan/error.h"

namespace swan::config {

namespace {

// --env, or where it is not given SWAN_ENV.
std::string environment_of(const Inputs& inputs) {
  if (inputs.environment) {
    if (inputs.environment->empty()) throw Error(ErrorCode::kInvalidArgument, "--env is empty; name an environment.");
    return *inputs.environment;
  }
  const auto found = inputs.variables.find("SWAN_ENV");
  return found == inputs.variables.end() ? "" : found->second;
}

// An environment that no file has is a slip of the keyboard. SWAN_ENV may be there for other programs and files too.
void check_environment(const Inputs& inputs, const std::string& environment, const Files& files) {
  const std::vector<std::string> names = files.environments();
  if (environment.empty() || std::find(names.begin(), names.end(), environment) != names.end()) return;
  if (!inputs.environment && names.empty()) return;
  const std::string meant = nearest(environment, names);
  throw Error(ErrorCode::kInvalidArgument,
              fmt::format("no configuration file has an environment '{}' ({}){}.", environment,
                          inputs.environment ? "--env" : "SWAN_ENV",
                          !meant.empty()  ? fmt::format("; did you mean {}?", meant)
                          : names.empty() ? "; there are none"
                                          : fmt::format("; there are {}", fmt::join(names, ", "))));
}

Value defaults(const Schema& schema) {
  Value root{.kind = Value::Kind::kMap};
  for (const Field& field : schema.fields()) {
    if (field.standard.empty()) continue;
    Value* at = &root;
    for (const std::string& key : split_path(field.path)) at = &at->at(key);
    const bool text = field.type == Type::kText || field.type == Type::kSize || field.type == Type::kTexts;
    *at = text ? text_value(field.standard, {}) : plain_value(field.standard, {});
    at->literal = true;
  }
  return root;
}

// Marks all values of a file as those of a layer.
void set_layer(Value& value, int layer) {
  value.origin.layer = layer;
  for (Value& item : value.items) set_layer(item, layer);
  for (Member& member : value.members) {
    member.origin.layer = layer;
    set_layer(member.value, layer);
  }
}

// Lays sections over those that there are.
class Layers {
 public:
  explicit Layers(Configuration& configuration) : c_(configuration) {}
  [[nodiscard]] int next() const { return static_cast<int>(c_.layers.size()); }
  void add(std::string name, Value value) {
    set_layer(value, next());
    c_.layers.push_back(std::move(name));
    merge(c_.root, value);
  }

 private:
  Configuration& c_;
};

std::string name_of(const FileLayer& layer) {
  std::string name = *layer.path;
  if (!layer.environment.empty()) name += ", environment " + layer.environment;
  if (!layer.extended_by.empty()) name += fmt::format(" (extended by {})", layer.extended_by);
  return name;
}

// Takes out what a stronger layer excludes: steps of a file, where --timesteps is typed.
void yield(Value& root, const Schema& schema) {
  std::vector<std::string> fallen;
  for (const Field& field : schema.fields()) {
    const Value* value = root.find_path(field.path);
    if (value == nullptr) continue;
    for (const std::string& other : field.yields_to) {
      const Value* stronger = root.find_path(other);
      if (stronger == nullptr || stronger->kind == Value::Kind::kNull) continue;
      if (stronger->origin.layer > value->origin.layer) fallen.push_back(field.path);
    }
  }
  for (const std::string& path : fallen) {
    const size_t dot = path.rfind('.');
    std::erase_if(root.find_path(path.substr(0, dot))->members,
                  [&](const Member& m) { return m.key == path.substr(dot + 1); });
  }
}

// Checks what was read, document by document. @throws Error naming every problem
void check(const Files& files, const Validator& validator) {
  Problems problems = files.problems();
  throw_any(problems);  // what could not be read is not checked
  for (const Value* document : files.documents()) validator.check(*document, problems);
  throw_any(problems);
  if (files.environments().size() <= kMaxEnvironments) return;
  throw Error(ErrorCode::kInvalidArgument,
              fmt::format("the configuration files name more than {} environments; take some out.", kMaxEnvironments));
}

// Adds what is wrong with these layers of files together, whatever other files may add to them. Variables have their
// defaults.
void check_together(const std::vector<FileLayer>& files, const Schema& schema, const Validator& validator,
                    Problems& problems) {
  Configuration c;
  c.root.kind = Value::Kind::kMap;
  Layers layers(c);
  layers.add("", defaults(schema));
  for (const FileLayer& file : files) layers.add("", own_values(*file.value));
  interpolate(c.root, schema, {}, /*whole=*/false, problems);
  validator.check(c.root, problems);
}

// Without what is said several times, of an environment and what it lies on.
Problems once_each(const Problems& problems) {
  Problems kept;
  std::set<std::string> said;
  for (const Problem& problem : problems) {
    if (said.insert(problem.str()).second) kept.push_back(problem);
  }
  return kept;
}

}  // namespace

const Value* Configuration::find(std::string_view path) const {
  const Value* value = root.find_path(path);
  return value == nullptr || value->kind == Value::Kind::kNull ? nullptr : value;
}

Configuration resolve(const Inputs& inputs, const Schema& schema) {
  const Validator validator(schema);
  const std::string environment = environment_of(inputs);
  Files files(inputs.presets);
  for (const std::string& name : inputs.files) files.add(name);
  check(files, validator);
  check_environment(inputs, environment, files);

  Configuration c;
  c.root.kind = Value::Kind::kMap;
  Layers layers(c);
  layers.add("built-in defaults", defaults(schema));
  for (const FileLayer& file : files.layers(environment)) layers.add(name_of(file), own_values(*file.value));
  Problems problems;
  layers.add("environment variables SWAN__SECTION__KEY",
             read_variables(inputs.variables, schema, layers.next(), problems));
  layers.add("--set", read_settings(inputs.settings, schema, layers.next(), problems));
  layers.add("options on the command line", read_options(inputs.options, schema, layers.next()));
  throw_any(problems);
  interpolate(c.root, schema, inputs.variables, /*whole=*/true, problems);
  throw_any(problems);
  validator.check(c.root, problems);
  throw_any(problems);
  yield(c.root, schema);
  return c;
}

void check_files(const std::vector<std::string>& names, const std::string& presets, const Schema& schema) {
  const Validator validator(schema);
  Files files(presets);
  for (const std::string& name : names) files.add(name);
  check(files, validator);
  std::vector<std::string> environments = files.environments();
  environments.insert(environments.begin(), "");  // without any
  Problems problems;
  for (size_t i = 0; i < names.size(); ++i) {
    for (const std::string& environment : environments) {
      check_together(files.layers_of(i, environment), schema, validator, problems);
    }
  }
  throw_any(once_each(problems));
}

std::vector<std::string> option_texts(const Value& value, Type type) {
  const auto text_of = [](const Value& scalar) {
    const bool number = scalar.kind == Value::Kind::kInteger || scalar.kind == Value::Kind::kNumber;
    return number && scalar.text.starts_with('+') ? scalar.text.substr(1) : scalar.text;
  };
  if (value.kind == Value::Kind::kNull) return {};
  if (type == Type::kFlag) return {value.text.starts_with('t') || value.text.starts_with('T') ? "true" : "false"};
  if (value.kind != Value::Kind::kList) return {text_of(value)};
  std::vector<std::string> texts;
  for (const Value& item : value.items) texts.push_back(text_of(item));
  if (type == Type::kTexts || texts.empty()) return texts;
  return {fmt::format("{}", fmt::join(texts, ","))};
}

}  // namespace swan::config
