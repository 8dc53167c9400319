#include "fuzz/mutate.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>
#include <vector>

namespace swan::fuzz {

namespace {

// Not std::uniform_int_distribution, whose results differ between libraries.
size_t below(size_t n, std::mt19937_64& random) { return n == 0 ? 0 : random() % n; }

struct Piece {
  size_t begin, size;
};
Piece piece_of(const std::string& text, std::mt19937_64& random) {
  const size_t begin = below(text.size() + 1, random);
  constexpr size_t kLongest = 40;
  return {begin, std::min(text.size() - begin, below(kLongest, random))};
}

void edit_number(std::string& file, std::mt19937_64& random) {
  constexpr std::array<const char*, 16> kNumbers = {"0",
                                                    "1",
                                                    "2",
                                                    "3",
                                                    "-1",
                                                    "7",
                                                    "255",
                                                    "65536",
                                                    "4294967295",
                                                    "4294967296",
                                                    "-0",
                                                    "1e9",
                                                    "1e99999",
                                                    "9223372036854775807",
                                                    "9223372036854775808",
                                                    "18446744073709551616"};
  std::vector<Piece> numbers;
  for (size_t i = 0; i < file.size();) {
    size_t end = i;
    while (end < file.size() && std::isdigit(static_cast<unsigned char>(file[end])) != 0) ++end;
    if (end > i) numbers.push_back({i, end - i});
    i = std::max(end, i + 1);
  }
  if (numbers.empty()) return;
  const Piece number = numbers[below(numbers.size(), random)];
  file.replace(number.begin, number.size, kNumbers[below(kNumbers.size(), random)]);
}

void flip_bit(char& byte, size_t bit) { byte = static_cast<char>(static_cast<unsigned char>(byte) ^ (1U << bit)); }

void change(std::string& file, const std::string& other, std::mt19937_64& random) {
  const Piece piece = piece_of(file, random);
  switch (below(9, random)) {
    case 0:  // one bit
      if (!file.empty()) flip_bit(file[below(file.size(), random)], below(8, random));
      break;
    case 1:  // one byte
      if (!file.empty()) file[below(file.size(), random)] = static_cast<char>(random());
      break;
    case 2:
      file.resize(below(file.size() + 1, random));
      break;
    case 3:
      file.erase(piece.begin, piece.size);
      break;
    case 4:  // doubled, next to itself or elsewhere
      file.insert(below(file.size() + 1, random), file.substr(piece.begin, piece.size));
      break;
    case 5: {  // a piece of another file
      const Piece from = piece_of(other, random);
      file.insert(piece.begin, other, from.begin, from.size);
      break;
    }
    case 6: {  // punctuation that JSON is made of
      constexpr std::string_view kMarks = "[]{},:\"\\-.eNI\x7f\xff";
      file.insert(piece.begin, 1 + below(3, random), kMarks[below(kMarks.size(), random)]);
      break;
    }
    default:
      edit_number(file, random);
  }
}

}  // namespace

std::string mutate(std::string file, const std::string& other, std::mt19937_64& random) {
  for (size_t changes = 1 + below(4, random); changes > 0; --changes) change(file, other, random);
  return file;
}

std::string mutate_safetensors(const std::string& file, const std::string& other, std::mt19937_64& random) {
  constexpr size_t kLengthBytes = 8;
  if (below(4, random) == 0 || file.size() < kLengthBytes) return mutate(file, other, random);
  size_t length = 0;
  for (size_t i = 0; i < kLengthBytes; ++i)
    length |= static_cast<size_t>(static_cast<unsigned char>(file[i])) << (8 * i);
  const std::string header = mutate(file.substr(kLengthBytes, length), other, random);
  std::string result;
  for (size_t i = 0; i < kLengthBytes; ++i) result += static_cast<char>(header.size() >> (8 * i) & 0xFF);
  return result + header + file.substr(kLengthBytes + length);
}

}  // namespace swan::fuzz
