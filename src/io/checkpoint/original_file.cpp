#include "io/checkpoint/original_file.h"

#include <cstring>
#include <utility>

#include "core/error.h"

namespace swan::io {

OriginalFile::OriginalFile(std::shared_ptr<const TensorFile> file, const KeyMap& keys)
    : TensorFile(file->path()), file_(std::move(file)) {
  metadata_ = file_->metadata();
  for (const auto& [name, entry] : file_->entries()) {
    const auto place = keys.to_original(name);
    if (!place)
      fail(ErrorCode::kUnsupported, "{}: the network's own names have none for '{}'; it cannot be written in them.",
           path_, name);
    std::vector<std::string>& sources = sources_[place->name];
    sources.resize(static_cast<size_t>(place->parts));
    sources.at(static_cast<size_t>(place->part)) = name;
    TensorEntry made = entry;
    made.shape = KeyMap::original_shape(entry.shape, *place);
    made.begin = 0;
    made.end = (entry.end - entry.begin) * static_cast<size_t>(place->parts);
    const auto [there, added] = entries_.emplace(place->name, made);
    if (!added && (there->second.shape != made.shape || there->second.dtype != made.dtype))
      fail(ErrorCode::kUnsupported, "{}: '{}' is a part of '{}', whose other parts have another shape or dtype.", path_,
           name, place->name);
  }
  for (const auto& [name, sources] : sources_)
    for (const std::string& source : sources)
      if (source.empty())
        fail(ErrorCode::kUnsupported, "{}: a part of '{}' is not there; the file is not whole.", path_, name);
}

Tensor OriginalFile::read(const std::string& name, const TensorEntry& entry) const {
  const std::vector<std::string>& sources = sources_.at(name);
  if (sources.size() == 1) return file_->tensor(sources[0]).reshape(entry.shape);
  Tensor whole = Tensor::empty(entry.shape, entry.dtype);
  auto* to = static_cast<std::byte*>(whole.raw_mut());
  for (const std::string& source : sources) {
    const Tensor part = file_->tensor(source);
    std::memcpy(to, part.raw(), part.nbytes());
    to += part.nbytes();
  }
  return whole;
}

}  // namespace swan::io
