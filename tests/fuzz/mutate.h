#pragma once

#include <cstdint>
#include <random>
#include <string>

namespace swan::fuzz {

/// Changes a file in one to four ways: bits and bytes flipped, pieces cut, doubled, moved or taken from `other`, the
/// end cut off, and numbers in its text replaced by those that break sums and comparisons. The same generator state
/// gives the same result on every machine.
[[nodiscard]] std::string mutate(std::string file, const std::string& other, std::mt19937_64& random);

/// The same for a safetensors file: usually its header alone, with the length in front corrected, so that the change
/// reaches the parser behind it.
[[nodiscard]] std::string mutate_safetensors(const std::string& file, const std::string& other,
                                             std::mt19937_64& random);

}  // namespace swan::fuzz
