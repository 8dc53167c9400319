#include "io/open_tensor_file.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "core/error.h"
#include "io/gguf_file.h"
#include "io/safetensors.h"
#include "io/system.h"
#include "io/torch_file.h"

namespace swan::io {

namespace {

constexpr size_t kShownBytes = 16;

// A length of at most 100 MB in 8 bytes, then JSON.
bool is_safetensors(std::string_view start) {
  constexpr std::string_view kHighBytes("\0\0\0\0", 4);
  return start.size() > 8 && start.substr(4, 4) == kHighBytes && start[8] == '{';
}

// What people give instead of weights, and what to do then.
struct Mistake {
  std::string_view start, what, remedy;
};
constexpr std::array<Mistake, 7> kMistakes = {{
    {"version https://", "it is a Git LFS pointer, not the file that it stands for", "run `git lfs pull` beside it"},
    {"<!DOCTYPE", "it is a web page", "download the file itself, not the page about it"},
    {"<!doctype", "it is a web page", "download the file itself, not the page about it"},
    {"<html", "it is a web page", "download the file itself, not the page about it"},
    {"{", "it is JSON text", "give the file of weights that it belongs to"},
    {"\x80", "it is a Python pickle, but none that torch.save writes", "save the tensors in it as safetensors"},
    {"\x89HDF", "it is an HDF5 file", "convert it to safetensors"},
}};

std::string in_hex(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes)
    text += fmt::format("{}{:02x}", text.empty() ? "" : " ", static_cast<unsigned char>(byte));
  return text;
}

[[noreturn]] void refuse(const std::string& path, std::string_view start) {
  constexpr const char* kAccepted = "safetensors, torch's (.pth, .pt, .ckpt, .bin) or GGUF";
  if (start.empty()) fail(ErrorCode::kCorruptFile, "cannot read {}: it is empty; download or export it again.", path);
  const auto* mistake =
      std::find_if(kMistakes.begin(), kMistakes.end(), [&](const Mistake& m) { return start.starts_with(m.start); });
  if (mistake != kMistakes.end())
    fail(ErrorCode::kCorruptFile, "cannot read {}: {}; {}.", path, mistake->what, mistake->remedy);
  fail(
      ErrorCode::kCorruptFile,
      "cannot read {}: it begins with the bytes {}, as no file does that Swan reads; files of weights may be {}. If it "
      "should be one of these, download or export it again.",
      path, in_hex(start.substr(0, kShownBytes)), kAccepted);
}

}  // namespace

std::shared_ptr<const TensorFile> open_tensor_file(const std::string& path) {
  constexpr size_t kStartBytes = 64;
  std::string start;
  {
    const OpenFile file = open_file(path);
    start = read_at(file, path, 0, std::min(file.bytes, kStartBytes));
  }
  if (is_safetensors(start)) return SafetensorsFile::open(path);
  if (TorchFile::is_one(start)) return TorchFile::open(path);
  if (GgufFile::is_one(start)) return GgufFile::open(path);
  refuse(path, start);
}

}  // namespace swan::io
