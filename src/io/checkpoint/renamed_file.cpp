#include "io/checkpoint/renamed_file.h"

#include <utility>

#include "core/error.h"

namespace swan::io {

RenamedFile::RenamedFile(std::shared_ptr<const TensorFile> file, const Options& options)
    : TensorFile(file->path()), file_(std::move(file)) {
  metadata_ = file_->metadata();
  for (const auto& [original, entry] : file_->entries()) {
    if (!original.starts_with(options.prefix) || original == options.skipped) continue;
    const std::string name = original.substr(options.prefix.size());
    if (options.keys == nullptr) {
      add(name, original, entry, {});
      continue;
    }
    const std::vector<KeyMap::Place> places = options.keys->to_diffusers(name);
    for (const KeyMap::Place& place : places) add(place.name, original, entry, place);
    if (places.empty() && !options.keys->drops(name)) unknown_.push_back(name);
  }
}

void RenamedFile::add(const std::string& name, const std::string& original, const TensorEntry& entry,
                      const KeyMap::Place& place) {
  const auto shape = KeyMap::diffusers_shape(entry.shape, place);
  if (!shape)
    fail(
        ErrorCode::kCorruptFile,
        "cannot use {}: tensor '{}' has shape {}, which cannot be {} of {} equal parts{}; it is another kind of model, "
        "or damaged.",
        path_, original, entry.shape, place.part + 1, place.parts,
        place.trailing_ones > 0 ? " with a 1 x 1 kernel" : "");
  TensorEntry renamed = entry;
  renamed.shape = *shape;
  const auto parts = static_cast<size_t>(place.parts);
  const size_t bytes = (entry.end - entry.begin) / parts;
  renamed.begin = entry.begin + bytes * static_cast<size_t>(place.part);
  renamed.end = renamed.begin + bytes;
  if (!entries_.emplace(name, std::move(renamed)).second)
    fail(ErrorCode::kCorruptFile, "cannot use {}: '{}' and '{}' are both what diffusers calls '{}'; it is damaged.",
         path_, sources_.at(name).name, original, name);
  sources_.emplace(name, Source{original, place.part, place.parts});
}

Tensor RenamedFile::read(const std::string& name, const TensorEntry& entry) const {
  const Source& source = sources_.at(name);
  const Tensor whole = file_->tensor(source.name);
  if (source.parts == 1) return whole.reshape(entry.shape);
  const int64_t rows = entry.shape[0];
  const bool made = whole.unique();  // not a view of the file: a part must not keep the whole
  const Tensor part = whole.slice(source.part * rows, (source.part + 1) * rows);
  return (made ? part.clone() : part).reshape(entry.shape);
}

BlockMatrix RenamedFile::read_blocks(const std::string& name, const TensorEntry& entry) const {
  const Source& source = sources_.at(name);
  const bool whole = source.parts == 1 && file_->entries().at(source.name).shape == entry.shape;
  return whole ? file_->blocks(source.name) : BlockMatrix();
}

}  // namespace swan::io
