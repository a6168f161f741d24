// Preparation by triangle-v2: from gray to the network's input, in integers, so that every platform has the same bytes.
#pragma once

#include "gray.hpp"

namespace inkport {

// Fewer pixels than this, either way, hold no line of text.
constexpr int kMinSide = 8;
// triangle-v2 is defined for sides up to this, in pixels.
constexpr int kMaxSide = 1 << 15;

// Width of an image's content at the network's height, rounded.
inline int content_width(const Spec& spec, int height, int width) {
  const std::int64_t h = height, w = width;
  return static_cast<int>(std::max<std::int64_t>(1, (2 * w * spec.height + h) / (2 * h)));
}

namespace detail {

// S of triangle-v2: weights are multiples of 2^-S.
constexpr int kWeightBits = 11;

// The source samples that one target sample is made of, and their weights, which add up to about 2^S.
struct Taps {
  int first;
  std::vector<std::uint32_t> weights;
};

// N_ij = max(0, 2 max(n, m) - |(2i + 1) m - (2j + 1) n|); w_ij = round(2^S N_ij / sum_i N_ij), halves upwards.
inline std::vector<Taps> triangle(std::int64_t n, std::int64_t m) {
  std::vector<Taps> taps(static_cast<std::size_t>(m));
  const std::int64_t reach = 2 * std::max(n, m);
  for (std::int64_t j = 0; j < m; ++j) {
    const std::int64_t centre = (2 * j + 1) * n;
    // The first i with (2i + 1) m > centre - reach.
    std::int64_t i = std::max<std::int64_t>(0, (centre - reach - m) / (2 * m));
    while (reach <= std::llabs((2 * i + 1) * m - centre)) ++i;
    Taps& row = taps[static_cast<std::size_t>(j)];
    row.first = static_cast<int>(i);
    std::vector<std::int64_t> shares;
    std::int64_t total = 0;
    for (; i < n; ++i) {
      const std::int64_t share = reach - std::llabs((2 * i + 1) * m - centre);
      if (share <= 0) break;
      shares.push_back(share);
      total += share;
    }
    for (const std::int64_t share : shares)
      row.weights.push_back(static_cast<std::uint32_t>(((share << (kWeightBits + 1)) + total) / (2 * total)));
  }
  return taps;
}

inline std::uint8_t rounded(std::uint32_t sum) {
  return static_cast<std::uint8_t>(std::min<std::uint32_t>(255, (sum + (1u << (kWeightBits - 1))) >> kWeightBits));
}

inline Gray resample_height(const Gray& image, int height) {
  Gray out{image.width, height, std::vector<std::uint8_t>(static_cast<std::size_t>(image.width) * height)};
  const auto taps = triangle(image.height, height);
  const std::size_t width = static_cast<std::size_t>(image.width);
  std::vector<std::uint32_t> sums(width);
  for (int y = 0; y < height; ++y) {
    std::fill(sums.begin(), sums.end(), 0u);
    const Taps& row = taps[static_cast<std::size_t>(y)];
    for (std::size_t k = 0; k < row.weights.size(); ++k) {
      const std::uint8_t* source = image.pixels.data() + (row.first + k) * width;
      for (std::size_t x = 0; x < width; ++x) sums[x] += row.weights[k] * source[x];
    }
    for (std::size_t x = 0; x < width; ++x) out.pixels[y * width + x] = rounded(sums[x]);
  }
  return out;
}

}  // namespace detail

// The network's input as bytes: height first, rounded, then width; padded on the right with the background.
// Throws Error if the image is too small to hold a line of text, or longer than the network takes.
inline Gray prepare(const Gray& image, const Spec& spec) {
  if (image.width < kMinSide || image.height < kMinSide)
    throw Error("the image is " + std::to_string(image.width) + " x " + std::to_string(image.height) +
                " px, a line of text needs at least 8 px each way");
  if (image.width > kMaxSide || image.height > kMaxSide)
    throw Error("the image has more than 32768 px on a side: make it smaller");
  const int content = content_width(spec, image.height, image.width);
  if (content < kMinSide)
    throw Error("the image is so narrow that " + std::to_string(content) + " px are left at the network's height: "
                "its text must run from left to right");
  const int multiple = spec.width_multiple;
  const int padded = (std::max(content, spec.min_width) + multiple - 1) / multiple * multiple;
  if (padded > spec.max_width)
    throw Error("the line is " + std::to_string(content) + " px wide at the network's height, at most " +
                std::to_string(spec.max_width) + " are taken: cut it into shorter lines");
  const Gray rows = detail::resample_height(image, spec.height);
  const auto taps = detail::triangle(image.width, content);
  Gray out{padded, spec.height, std::vector<std::uint8_t>(static_cast<std::size_t>(padded) * spec.height,
                                                          static_cast<std::uint8_t>(spec.background))};
  for (int y = 0; y < spec.height; ++y) {
    const std::uint8_t* source = rows.pixels.data() + static_cast<std::size_t>(y) * rows.width;
    std::uint8_t* target = out.pixels.data() + static_cast<std::size_t>(y) * padded;
    for (int x = 0; x < content; ++x) {
      const detail::Taps& tap = taps[static_cast<std::size_t>(x)];
      std::uint32_t sum = 0;
      for (std::size_t k = 0; k < tap.weights.size(); ++k) sum += tap.weights[k] * source[tap.first + k];
      target[x] = detail::rounded(sum);
    }
  }
  return out;
}

// The same as float32 (1, 1, height, width), which is what the engine is given.
inline std::vector<float> normalise(const Gray& tensor, const Spec& spec) {
  std::vector<float> values(tensor.pixels.size());
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = (static_cast<float>(tensor.pixels[i]) / 255.0f - spec.mean) / spec.std;
  return values;
}

}  // namespace inkport
