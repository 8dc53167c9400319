#pragma once

#include <cstddef>

namespace swan::cli {

// Beyond these a number is a slip of the keyboard; what a model can do is the library's to say.
constexpr int kMaxSide = 65536;  ///< pixels
constexpr int kMaxThreads = 4096;
constexpr int kMaxSteps = 1000;      ///< denoising
constexpr int kMaxFrames = 10000;    ///< of a video; a folder numbers them with four digits
constexpr int kMaxOutputs = 10000;   ///< pictures or videos of one prompt
constexpr int kMaxConnections = 64;  ///< to a hub at once
constexpr size_t kMaxFiles = 100000;

constexpr double kQuarterTurn = 1.5708;  ///< the largest angle of Sana-Sprint's, noise alone

}  // namespace swan::cli
