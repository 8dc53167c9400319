#pragma once

#include <cstddef>
#include <map>
#include <string>

#include "io/system.h"

namespace swan::io {

/// A file in a zip archive.
struct ZipEntry {
  size_t offset = 0;   ///< of its bytes in the archive
  size_t bytes = 0;    ///< as stored
  bool stored = true;  ///< not compressed, so that the bytes are the file's own
};

/// The directory of a zip archive, zip64 included, without reading the files in it. Names are keys and nothing else:
/// nothing is ever extracted, so that "../x" is a name like others.
///
/// Ours, because the tensors of a torch file are mapped where they lie: libzip does not say where that is, and minizip,
/// which does, takes an archive that contradicts itself at its word. This one refuses names that appear twice, entries
/// that overlap or leave the file, encryption, and local headers that say something else than the directory.
/// @throws Error kCorruptFile naming the archive and the entry; kUnsupported for an archive in several volumes or an
///         encrypted one
/// Ref: PKWARE APPNOTE.TXT 6.3, sections 4.3 and 4.5.3
[[nodiscard]] std::map<std::string, ZipEntry> read_zip_directory(const OpenFile& file, const std::string& path);

}  // namespace swan::io
