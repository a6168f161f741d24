// The character language model: a trie of n-grams with links to the shorter ones. docs/embed/lm.md has its file.
#pragma once

#include "decode.hpp"

namespace inkport {

// A language model, and how it takes part in decoding.
class LanguageModel {
 public:
  double alpha = 0;  // weight of its log-probability
  double beta = 0;   // added per symbol
  int beam = 16;     // most prefixes kept per frame
  std::string charset_sha256;

  // Parse a file of `inkport bundle --lm`. Throws Error if it is none, is damaged, or its numbers make no trie.
  static LanguageModel parse(const std::string& bytes);

  int start() const { return start_; }

  // The natural log-probability of a symbol after a state; the state becomes the one after it.
  double step(int& state, char32_t symbol) const {
    double weight = 0;
    for (;;) {
      const int node = child(state, symbol);
      if (node >= 0) {
        state = states_[node];
        return weight + log_prob_[node];
      }
      weight += backoff_[state];
      if (state == 0) return weight + unknown_;
      state = links_[state];
    }
  }

  // The natural log-probability that the line ends after a state.
  double end(int state) const { return step(state, kEnd); }

 private:
  static constexpr char32_t kStart = 1, kEnd = 2;

  int order_ = 0, start_ = 0;
  double unknown_ = 0;
  std::vector<std::uint32_t> points_;          // code point of each node's last symbol
  std::vector<int> first_, links_, states_;    // first child; longest shorter context; context to go on with
  std::vector<float> log_prob_, backoff_;

  // The child of a node by its symbol, or -1.
  int child(int node, char32_t symbol) const {
    const auto begin = points_.begin() + first_[node], end = points_.begin() + first_[node + 1];
    const auto found = std::lower_bound(begin, end, static_cast<std::uint32_t>(symbol));
    return found != end && *found == symbol ? static_cast<int>(found - points_.begin()) : -1;
  }

  void link(const std::vector<std::uint16_t>& children);
};

namespace detail {

// Reads little-endian numbers of a file, whatever the machine's order.
class Reader {
 public:
  explicit Reader(const std::string& bytes) : bytes_(bytes) {}

  std::uint64_t number(int size) {
    need(static_cast<std::size_t>(size));
    std::uint64_t value = 0;
    for (int i = size - 1; i >= 0; --i) value = value << 8 | static_cast<std::uint8_t>(bytes_[at_ + i]);
    at_ += static_cast<std::size_t>(size);
    return value;
  }
  double real() {
    const std::uint64_t bits = number(8);
    double value;
    std::memcpy(&value, &bits, 8);
    return value;
  }
  // IEEE 754 half precision.
  float half() {
    const unsigned bits = static_cast<unsigned>(number(2)), exponent = bits >> 10 & 31, fraction = bits & 1023;
    float value = std::numeric_limits<float>::infinity();
    if (exponent == 31 && fraction) value = std::numeric_limits<float>::quiet_NaN();
    if (exponent == 0) value = std::ldexp(static_cast<float>(fraction), -24);
    if (exponent > 0 && exponent < 31) value = std::ldexp(static_cast<float>(fraction + 1024), int(exponent) - 25);
    return bits >> 15 ? -value : value;
  }
  std::string text(std::size_t size) {
    need(size);
    at_ += size;
    return bytes_.substr(at_ - size, size);
  }
  std::size_t left() const { return bytes_.size() - at_; }

 private:
  const std::string& bytes_;
  std::size_t at_ = 0;

  void need(std::size_t size) const {
    if (left() < size) throw Error("the language model's file is cut off");
  }
};

}  // namespace detail

inline LanguageModel LanguageModel::parse(const std::string& bytes) {
  detail::Reader in(bytes);
  if (in.left() < 8 || in.text(8) != "INKLM\r\n\x1a") throw Error("no language model of inkport bundle");
  if (const auto format = in.number(4); format != kFormat)
    throw Error("language model: format " + std::to_string(format) + ", this inkport.hpp reads " +
                std::to_string(kFormat));
  LanguageModel model;
  model.order_ = static_cast<int>(in.number(4));
  const std::uint64_t nodes = in.number(4);
  model.beam = static_cast<int>(in.number(4));
  model.alpha = in.real();
  model.beta = in.real();
  model.unknown_ = in.real();
  model.charset_sha256 = in.text(64);
  if (nodes < 1 || nodes != in.left() / 10 || in.left() % 10) throw Error("the language model's file is cut off");
  std::vector<std::uint16_t> children;
  for (std::uint64_t i = 0; i < nodes; ++i) model.points_.push_back(static_cast<std::uint32_t>(in.number(4)));
  for (std::uint64_t i = 0; i < nodes; ++i) children.push_back(static_cast<std::uint16_t>(in.number(2)));
  for (std::uint64_t i = 0; i < nodes; ++i) model.log_prob_.push_back(in.half());
  for (std::uint64_t i = 0; i < nodes; ++i) model.backoff_.push_back(in.half());
  const bool weights = model.alpha >= 0 && model.alpha <= 100 && std::fabs(model.beta) <= 100 && model.beam >= 1;
  if (!weights || model.order_ < 1 || model.order_ > 32 || !(model.unknown_ <= 0) || !std::isfinite(model.unknown_))
    throw Error("the language model's head is out of range");
  for (std::uint64_t i = 0; i < nodes; ++i)
    if (!(model.log_prob_[i] <= 0) || !std::isfinite(model.log_prob_[i]) || !std::isfinite(model.backoff_[i]))
      throw Error("the language model holds a probability above 1, or no number");
  model.link(children);
  return model;
}

inline void LanguageModel::link(const std::vector<std::uint16_t>& children) {
  const int nodes = static_cast<int>(points_.size());
  first_.assign(1, 1);
  std::vector<int> parent(1, 0);
  for (int node = 0; node < nodes; ++node) {
    first_.push_back(first_.back() + children[node]);
    // A node comes after the one that it continues, so that every walk to a parent ends.
    if (first_.back() > nodes || (node + 1 < nodes && first_.back() < node + 2))
      throw Error("the language model's nodes make no trie");
    for (int child = first_[node]; child < first_[node + 1]; ++child) {
      parent.push_back(node);
      if (child > first_[node] && points_[child - 1] >= points_[child])
        throw Error("the language model's n-grams are not in order");
    }
  }
  if (first_.back() != nodes) throw Error("the language model's nodes make no trie");
  links_.assign(nodes, 0);
  int length = 1, begin = 1, end = first_[1];
  for (; length < order_; ++length) {
    begin = end;
    end = first_[end];
    for (int node = begin; node < end; ++node)
      for (int context = links_[parent[node]];; context = links_[context]) {
        const int found = child(context, points_[node]);
        if (found >= 0) links_[node] = found;
        if (found >= 0 || context == 0) break;
      }
  }
  if (end != nodes) throw Error("the language model has longer n-grams than its order");
  // Where nothing continues a context, the next shorter one goes on.
  states_.resize(nodes);
  for (int node = 0; node < nodes; ++node) {
    int state = node;
    while (state != 0 && children[state] == 0 && backoff_[state] == 0) state = links_[state];
    states_[node] = state;
  }
  const int begins = child(0, kStart);
  start_ = begins < 0 ? 0 : states_[begins];
}

}  // namespace inkport
