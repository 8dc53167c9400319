#include "decode.h"

#include <webp/demux.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>

namespace swan::test {
namespace {

std::string output_of(const std::string& command) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(::popen(command.c_str(), "r"), ::pclose);
  if (!pipe) throw std::runtime_error("cannot run " + command);
  std::string output;
  std::vector<char> buffer(1 << 16);
  while (const size_t got = std::fread(buffer.data(), 1, buffer.size(), pipe.get())) output.append(buffer.data(), got);
  return output;
}

uint8_t level(double share) { return static_cast<uint8_t>(std::lround(255 * std::clamp(share, 0.0, 1.0))); }

using WebPDecoder = std::unique_ptr<WebPAnimDecoder, void (*)(WebPAnimDecoder*)>;

WebPDecoder open_webp(const std::string& bytes) {
  const WebPData data{reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
  return {WebPAnimDecoderNew(&data, nullptr), WebPAnimDecoderDelete};
}

}  // namespace

Image moving_frame(int64_t index, int64_t width, int64_t height) {
  Image image{width, height, {}};
  const double turn = static_cast<double>(index) / 17;
  const double centre_x = 0.3 + 0.4 * turn, centre_y = 0.5;
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      const double u = (static_cast<double>(x) + 0.5) / static_cast<double>(width);
      const double v = (static_cast<double>(y) + 0.5) / static_cast<double>(height);
      const double disc = std::exp(-20 * ((u - centre_x) * (u - centre_x) + (v - centre_y) * (v - centre_y)));
      image.rgb.push_back(level(0.9 * disc + 0.1 * u));
      image.rgb.push_back(level(0.8 * u * (1 - disc) + 0.1 * turn));
      image.rgb.push_back(level(0.9 * v * (1 - disc)));
    }
  }
  return image;
}

void write_clip(const std::string& path, int64_t count, int64_t width, int64_t height, const ImageMetadata& metadata,
                const SaveVideoOptions& options) {
  const auto writer = VideoWriter::open(path, width, height, metadata, options);
  for (int64_t i = 0; i < count; ++i) writer->write(moving_frame(i, width, height));
  writer->finish();
}

nlohmann::json probe(const std::string& path) {
  return nlohmann::json::parse(output_of(std::string(SWAN_FFPROBE) +
                                         " -v error -count_frames -show_streams -show_format -show_packets -of json '" +
                                         path + "'"));
}

std::vector<Image> decode(const std::string& path) {
  std::vector<Image> frames;
  if (path.ends_with(".webp")) {
    const std::string bytes = read_bytes(path);
    const WebPDecoder decoder = open_webp(bytes);
    WebPAnimInfo info{};
    if (!decoder || WebPAnimDecoderGetInfo(decoder.get(), &info) == 0) return frames;
    while (WebPAnimDecoderHasMoreFrames(decoder.get()) != 0) {
      uint8_t* rgba = nullptr;
      int end_ms = 0;
      if (WebPAnimDecoderGetNext(decoder.get(), &rgba, &end_ms) == 0) return frames;
      Image frame{info.canvas_width, info.canvas_height, {}};
      for (size_t i = 0; i < size_t{info.canvas_width} * info.canvas_height * 4; ++i)
        if (i % 4 != 3) frame.rgb.push_back(rgba[i]);
      frames.push_back(std::move(frame));
    }
    return frames;
  }
  const nlohmann::json stream = probe(path)["streams"][0];
  const int64_t width = stream["width"], height = stream["height"];
  const std::string pixels =
      output_of(std::string(SWAN_FFMPEG) + " -v error -i '" + path +
                "' -vsync passthrough -sws_flags accurate_rnd+full_chroma_int+bicubic -f rawvideo -pix_fmt rgb24 -");
  const auto bytes = static_cast<size_t>(width * height * 3);
  for (size_t at = 0; at + bytes <= pixels.size(); at += bytes) {
    const std::string frame = pixels.substr(at, bytes);
    frames.push_back({width, height, {frame.begin(), frame.end()}});
  }
  return frames;
}

WebPTimes webp_times(const std::string& path) {
  const std::string bytes = read_bytes(path);
  const WebPDecoder decoder = open_webp(bytes);
  WebPTimes times;
  WebPAnimInfo info{};
  if (!decoder || WebPAnimDecoderGetInfo(decoder.get(), &info) == 0) return times;
  times.loops = static_cast<int>(info.loop_count);
  uint8_t* rgba = nullptr;
  int end_ms = 0;
  while (WebPAnimDecoderGetNext(decoder.get(), &rgba, &end_ms) != 0) times.ends_ms.push_back(end_ms);
  return times;
}

double psnr(const Image& a, const Image& b) {
  if (a.rgb.size() != b.rgb.size() || a.rgb.empty()) return 0;
  double sum = 0;
  for (size_t i = 0; i < a.rgb.size(); ++i) sum += std::pow(int{a.rgb[i]} - int{b.rgb[i]}, 2);
  return sum == 0 ? 99 : 10 * std::log10(255.0 * 255.0 * static_cast<double>(a.rgb.size()) / sum);
}

std::string read_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::vector<std::string> names(const std::string& folder) {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    found.push_back(entry.path().filename().string());
  std::sort(found.begin(), found.end());
  return found;
}

ImageMetadata long_metadata() {
  nlohmann::json settings{{"prompt", "一只猫在草地上奔跑 🐈 \"quoted\" \\ <b> & ]]>\nnext line"}, {"seed", 42}};
  for (int i = 0; i < 200; ++i) settings["loras"].push_back("name of adapter " + std::to_string(i) + " 名称 at 0.75");
  return {{"swan", settings.dump()}, {"Title", "two\r\nlines"}};
}

}  // namespace swan::test
