// The specification: what a model takes and gives, and what its labels mean.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <locale>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace inkport {

// Version of the specification, of golden/ and of the language model's file that this header reads.
constexpr int kFormat = 1;

// Whatever is wrong with a file, an image or an engine; what() is one sentence for a person.
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The content of specification.txt.
struct Spec {
  std::string name;             // of the network, for example convtext-tiny
  std::string version;          // of the weights
  std::string precision;        // fp32, int8, ...
  std::string model;            // the model's file in the bundle's folder
  std::string charset_sha256;   // digest of the symbols; a language model names the one that it was built for
  std::string input, output;    // names of the network's tensors
  int height = 0;               // of the network's input, in pixels
  int width_multiple = 0;       // the padded width is a multiple of this, in pixels
  int min_width = 0;            // narrowest padded width, in pixels
  int max_width = 0;            // widest padded width, in pixels; longer lines are refused
  int background = 255;         // gray value of the padding, 0 black .. 255 white
  int stride = 0;               // input columns per frame
  float mean = 0, std = 1;      // the network's input is (gray / 255 - mean) / std
  std::vector<char32_t> symbols;  // Unicode code points; symbols[i] has label i + 1, label 0 is the CTC blank

  int classes() const { return static_cast<int>(symbols.size()) + 1; }
};

namespace detail {

inline std::string trim(const std::string& text) {
  const auto first = text.find_first_not_of(" \t\r");
  return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

inline long whole(const std::string& key, const std::string& text, long least, long most) {
  char* end = nullptr;
  const long value = std::strtol(text.c_str(), &end, 10);
  if (text.empty() || *end || value < least || value > most)
    throw Error("specification: " + key + " = " + text + ", expected a whole number from " + std::to_string(least) +
                " to " + std::to_string(most));
  return value;
}

// Independent of the program's locale, unlike strtod.
inline float real(const std::string& key, const std::string& text) {
  std::istringstream in(text);
  in.imbue(std::locale::classic());
  float value = 0;
  if (!(in >> value) || !in.eof()) throw Error("specification: " + key + " = " + text + ", expected a number");
  return value;
}

// The values of a text of lines "key = value"; empty lines and those that begin with # are left out.
inline std::map<std::string, std::string> pairs(const std::string& text) {
  std::map<std::string, std::string> found;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    line = trim(line);
    if (line.empty() || line[0] == '#') continue;
    const auto at = line.find('=');
    if (at == std::string::npos) throw Error("specification: a line without '=': " + line.substr(0, 40));
    if (!found.emplace(trim(line.substr(0, at)), trim(line.substr(at + 1))).second)
      throw Error("specification: two lines for " + trim(line.substr(0, at)));
  }
  return found;
}

}  // namespace detail

// Parse the content of specification.txt. Throws Error where a value is missing, unknown or out of range.
inline Spec parse_spec(const std::string& text) {
  auto values = detail::pairs(text);
  auto take = [&](const char* key) {
    const auto found = values.find(key);
    if (found == values.end()) throw Error(std::string("specification: no value for ") + key);
    std::string value = found->second;
    values.erase(found);
    return value;
  };
  auto number = [&](const char* key, long least, long most) {
    return static_cast<int>(detail::whole(key, take(key), least, most));
  };
  const int format = number("format", 1, 1000000);
  if (format != kFormat)
    throw Error("specification: format " + std::to_string(format) + ", this inkport.hpp reads " +
                std::to_string(kFormat) + ": take header and model from one bundle");
  const std::string resampling = take("resampling");
  if (resampling != "triangle-v2") throw Error("specification: resampling " + resampling + ", expected triangle-v2");
  Spec spec;
  spec.name = take("name");
  spec.version = take("version");
  spec.precision = take("precision");
  spec.model = take("model");
  spec.charset_sha256 = take("charset_sha256");
  spec.input = take("input");
  spec.output = take("output");
  spec.height = number("height", 1, 4096);
  spec.width_multiple = number("width_multiple", 1, 65536);
  spec.min_width = number("min_width", 1, 1000000);
  spec.max_width = number("max_width", spec.min_width, 1000000);
  spec.background = number("background", 0, 255);
  spec.stride = number("stride", 1, spec.width_multiple);
  spec.mean = detail::real("mean", take("mean"));
  spec.std = detail::real("std", take("std"));
  if (!(spec.std > 0) || spec.width_multiple % spec.stride || spec.min_width % spec.width_multiple ||
      spec.max_width % spec.width_multiple)
    throw Error("specification: std is not above 0, or widths and stride do not fit one another");
  std::istringstream symbols(take("symbols"));
  for (std::string point; symbols >> point;)
    spec.symbols.push_back(static_cast<char32_t>(detail::whole("symbols", point, 1, 0x10FFFF)));
  if (spec.symbols.empty()) throw Error("specification: no symbols");
  if (!values.empty()) throw Error("specification: " + values.begin()->first + " is not known to this inkport.hpp");
  return spec;
}

}  // namespace inkport
