// From logits to text: best path of CTC, with confidence and place of every symbol.
#pragma once

#include "prepare.hpp"

namespace inkport {

// One symbol that was read.
struct Symbol {
  int label = 0;                     // 1 .. classes - 1
  char32_t code_point = 0;           // Unicode
  int first_frame = 0, last_frame = 0;  // counted from 0, both included
  float confidence = 0;              // softmax probability at its best frame, 0..1
  float gap = 0;                     // smallest difference of the two best logits over its frames
};

// What was read on one line.
struct Reading {
  std::string text;             // UTF-8, in Unicode's normal form C
  std::vector<Symbol> symbols;  // in reading order
  float confidence = std::numeric_limits<float>::quiet_NaN();  // mean of the symbols'; none without symbols
  float gap = std::numeric_limits<float>::infinity();          // smallest over all frames, blank ones included

  std::vector<int> labels() const {
    std::vector<int> found;
    for (const Symbol& symbol : symbols) found.push_back(symbol.label);
    return found;
  }
};

// Scores of one line before softmax: frames x classes, frame by frame.
struct Logits {
  int frames = 0, classes = 0;
  std::vector<float> values;

  const float* row(int frame) const { return values.data() + static_cast<std::size_t>(frame) * classes; }
};

namespace detail {

inline void append_utf8(std::string& out, char32_t c) {
  auto put = [&](unsigned byte) { out.push_back(static_cast<char>(byte)); };
  if (c < 0x80) return put(c);
  if (c < 0x800) {
    put(0xC0 | c >> 6);
  } else {
    if (c < 0x10000) {
      put(0xE0 | c >> 12);
    } else {
      put(0xF0 | c >> 18);
      put(0x80 | (c >> 12 & 0x3F));
    }
    put(0x80 | (c >> 6 & 0x3F));
  }
  put(0x80 | (c & 0x3F));
}

inline int best_label(const float* row, int classes) {
  return static_cast<int>(std::max_element(row, row + classes) - row);
}

inline std::vector<int> best_labels(const Logits& logits) {
  std::vector<int> path;
  for (int t = 0; t < logits.frames; ++t) path.push_back(best_label(logits.row(t), logits.classes));
  return path;
}

inline float probability(const float* row, int classes, int label) {
  const float peak = *std::max_element(row, row + classes);
  double sum = 0;
  for (int k = 0; k < classes; ++k) sum += std::exp(static_cast<double>(row[k]) - peak);
  return static_cast<float>(std::exp(static_cast<double>(row[label]) - peak) / sum);
}

inline float gap_of(const float* row, int classes) {
  float first = -std::numeric_limits<float>::infinity(), second = first;
  for (int k = 0; k < classes; ++k) {
    if (row[k] > first) {
      second = first;
      first = row[k];
    } else {
      second = std::max(second, row[k]);
    }
  }
  return first - second;
}

inline void check(const Logits& logits, const Spec& spec) {
  if (logits.classes != spec.classes() ||
      logits.values.size() != static_cast<std::size_t>(logits.frames) * logits.classes)
    throw Error("the network gave " + std::to_string(logits.classes) + " classes, its specification says " +
                std::to_string(spec.classes()));
  for (const float value : logits.values)
    if (!std::isfinite(value)) throw Error("the network gave values that are not finite");
}

// What a path reads. A run of frames begins where starts[t] is set: neighbours of one label are one symbol or two.
inline Reading transcribe(const Logits& logits, const std::vector<int>& path, const std::vector<bool>& starts,
                          const Spec& spec) {
  Reading reading;
  double sum = 0;
  for (int t = 0; t < logits.frames; ++t) {
    const float* row = logits.row(t);
    const float gap = gap_of(row, logits.classes);
    reading.gap = std::min(reading.gap, gap);
    if (path[t] == 0) continue;
    const float chance = probability(row, logits.classes, path[t]);
    if (starts[t]) {
      reading.symbols.push_back({path[t], spec.symbols[path[t] - 1], t, t, chance, gap});
      continue;
    }
    Symbol& symbol = reading.symbols.back();
    symbol.last_frame = t;
    symbol.confidence = std::max(symbol.confidence, chance);
    symbol.gap = std::min(symbol.gap, gap);
  }
  for (const Symbol& symbol : reading.symbols) {
    append_utf8(reading.text, symbol.code_point);
    sum += symbol.confidence;
  }
  if (!reading.symbols.empty()) reading.confidence = static_cast<float>(sum / static_cast<double>(reading.symbols.size()));
  return reading;
}

}  // namespace detail

// UTF-8 of labels 1 .. classes - 1. Throws Error for any other.
inline std::string text_of(const std::vector<int>& labels, const Spec& spec) {
  std::string text;
  for (const int label : labels) {
    if (label < 1 || label >= spec.classes()) throw Error("label " + std::to_string(label) + " has no symbol");
    detail::append_utf8(text, spec.symbols[label - 1]);
  }
  return text;
}

// Best path: the best label of each frame, equal neighbours merged, blanks dropped.
// Source: Graves, Supervised Sequence Labelling with Recurrent Neural Networks (2012), section 7.5.1.
inline Reading greedy(const Logits& logits, const Spec& spec) {
  detail::check(logits, spec);
  const std::vector<int> path = detail::best_labels(logits);
  std::vector<bool> starts(path.size(), true);
  for (std::size_t t = 1; t < path.size(); ++t) starts[t] = path[t] != path[t - 1];
  return detail::transcribe(logits, path, starts, spec);
}

}  // namespace inkport
