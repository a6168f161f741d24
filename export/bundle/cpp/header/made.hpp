// What no golden line shows, and the self-test makes itself: every level of gray, lines at the limits, every label.
#pragma once

#include <array>

#include "decode.hpp"

namespace inkport {
namespace detail {

// float32 against exact values around 1: a few units in the last place, 2^-24.
constexpr double kLevelTolerance = 1e-6;
// float32 against exact values of 0..1.
constexpr double kChanceTolerance = 1e-5;

// Scores of one frame: that of a label, 0 of all others, and what is added to all. Where all are equal the first, the
// blank, counts. What is added changes no probability, but lets a softmax overflow that does not subtract the peak.
struct MadeFrame {
  float score, lift;
};
constexpr std::array<MadeFrame, 5> kMadeFrames{{{2, 0}, {6, 1000}, {4, -1000}, {0, -2000}, {3, 2000}}};

// The two symbols that these frames are.
struct MadeSymbol {
  int first_frame, last_frame;
  float best, least;  // scores
};
constexpr std::array<MadeSymbol, 2> kMadeSymbols{{{0, 2, 6, 2}, {4, 4, 3, 3}}};

// The step from bytes to the network's floats.
inline std::string check_levels(const Spec& spec) {
  Gray levels{256, 1, std::vector<std::uint8_t>(256)};
  for (std::size_t level = 0; level < 256; ++level) levels.pixels[level] = static_cast<std::uint8_t>(level);
  const std::vector<float> found = normalise(levels, spec);
  for (std::size_t level = 0; level < 256; ++level) {
    const double wanted = (static_cast<double>(level) - 255.0 * spec.mean) / (255.0 * spec.std);
    if (!(std::fabs(found[level] - wanted) <= kLevelTolerance * std::max(1.0, std::fabs(wanted))))
      return "level " + std::to_string(level) + " became " + std::to_string(found[level]) + ", expected " +
             std::to_string(wanted);
  }
  return "";
}

inline Gray made_line(int width, int height) {
  Gray line{width, height, std::vector<std::uint8_t>(static_cast<std::size_t>(width) * static_cast<std::size_t>(height))};
  for (std::size_t i = 0; i < line.pixels.size(); ++i) line.pixels[i] = static_cast<std::uint8_t>(37 * i);
  return line;
}

// At the network's height nothing is resampled, and all that is not the image is padding.
inline std::string check_narrowest(const Spec& spec) {
  const Gray line = made_line(kMinSide, spec.height), found = prepare(line, spec);
  const int multiple = spec.width_multiple;
  const int width = std::max(spec.min_width, (kMinSide + multiple - 1) / multiple * multiple);
  if (found.width != width || found.height != spec.height)
    return "a line of 8 px is prepared as " + std::to_string(found.width) + " x " + std::to_string(found.height) + " px";
  for (std::size_t i = 0; i < found.pixels.size(); ++i) {
    const std::size_t x = i % static_cast<std::size_t>(width), y = i / static_cast<std::size_t>(width);
    const int wanted = x < kMinSide ? line.pixels[y * kMinSide + x] : spec.background;
    if (found.pixels[i] != wanted)
      return "pixel " + std::to_string(x) + ", " + std::to_string(y) + " of a line of 8 px became " +
             std::to_string(found.pixels[i]) + ", expected " + std::to_string(wanted);
  }
  return "";
}

// The narrowest line and those that are refused.
inline std::string check_limits(const Spec& spec) {
  if (std::string fault = check_narrowest(spec); !fault.empty()) return fault;
  const std::array<Gray, 4> refused{made_line(spec.max_width + 1, spec.height), made_line(kMinSide - 1, spec.height),
                                    made_line(10 * kMinSide, kMinSide - 1), made_line(kMinSide, 10 * spec.height)};
  for (const Gray& line : refused) {
    try {
      prepare(line, spec);
    } catch (const Error&) {
      continue;
    }
    return "an image of " + std::to_string(line.width) + " x " + std::to_string(line.height) + " px is not refused";
  }
  return "";
}

inline Reading made_reading(int label, const Spec& spec) {
  Logits logits{static_cast<int>(kMadeFrames.size()), spec.classes(), {}};
  for (const MadeFrame& frame : kMadeFrames)
    for (int k = 0; k < logits.classes; ++k) logits.values.push_back(frame.lift + (k == label ? frame.score : 0));
  return greedy(logits, spec);
}

inline std::string check_made_ids(const Reading& reading, int label) {
  bool same = reading.symbols.size() == kMadeSymbols.size();
  for (std::size_t i = 0; same && i < kMadeSymbols.size(); ++i) {
    const Symbol& symbol = reading.symbols[i];
    same = symbol.label == label && symbol.first_frame == kMadeSymbols[i].first_frame &&
           symbol.last_frame == kMadeSymbols[i].last_frame;
  }
  return same ? "" : "label " + std::to_string(label) + " is decoded as others, or in other frames";
}

inline std::string check_made_confidence(const Reading& reading, int label, const Spec& spec) {
  auto wrong = [](const std::string& what, float confidence, float gap, double wanted, float wanted_gap) {
    if (std::fabs(confidence - wanted) <= kChanceTolerance && gap == wanted_gap) return std::string();
    return what + " has confidence " + std::to_string(confidence) + " and gap " + std::to_string(gap) + ", expected " +
           std::to_string(wanted) + " and " + std::to_string(wanted_gap);
  };
  double sum = 0;
  for (std::size_t i = 0; i < kMadeSymbols.size(); ++i) {
    const double wanted = 1 / (1 + (spec.classes() - 1) * std::exp(-static_cast<double>(kMadeSymbols[i].best)));
    sum += wanted;
    const Symbol& symbol = reading.symbols.at(i);
    const std::string what = "label " + std::to_string(label);
    if (std::string fault = wrong(what, symbol.confidence, symbol.gap, wanted, kMadeSymbols[i].least); !fault.empty())
      return fault;
  }
  return wrong("a line", reading.confidence, reading.gap, sum / kMadeSymbols.size(), 0);
}

// The code points of a text in UTF-8.
inline std::vector<char32_t> points_of(const std::string& text) {
  std::vector<char32_t> points;
  for (const char c : text) {
    const unsigned byte = static_cast<unsigned char>(c);
    if (byte >= 0x80 && byte < 0xC0 && !points.empty())
      points.back() = points.back() << 6 | (byte & 0x3F);
    else
      points.push_back(byte < 0x80 ? byte : byte & (byte < 0xE0 ? 0x1F : byte < 0xF0 ? 0x0F : 0x07));
  }
  return points;
}

// The text has the symbol twice, whatever number of bytes it takes.
inline std::string check_made_text(const Reading& reading, int label, const Spec& spec) {
  const char32_t point = spec.symbols[static_cast<std::size_t>(label) - 1];
  if (points_of(reading.text) == std::vector<char32_t>{point, point}) return "";
  return "label " + std::to_string(label) + " became \"" + reading.text + "\", expected code point " +
         std::to_string(static_cast<unsigned long>(point)) + " twice";
}

// Decoding of scores that are made here: exact on every engine, unlike golden lines in int8.
inline std::string check_labels(const std::string& stage, const Spec& spec) {
  for (int label = 1; label < spec.classes(); ++label) {
    const Reading reading = made_reading(label, spec);
    const std::string fault = stage == "ids"          ? check_made_ids(reading, label)
                              : stage == "confidence" ? check_made_confidence(reading, label, spec)
                                                      : check_made_text(reading, label, spec);
    if (!fault.empty()) return fault;
  }
  return "";
}

}  // namespace detail
}  // namespace inkport
