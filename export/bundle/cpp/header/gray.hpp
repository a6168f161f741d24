// From decoded pixels to gray, 0 black .. 255 white. Decoding files is the application's.
#pragma once

#include "spec.hpp"

namespace inkport {

// An image of one channel, row by row without gaps.
struct Gray {
  int width = 0, height = 0;  // in pixels
  std::vector<std::uint8_t> pixels;
};

// How the channels of a pixel lie in memory. Alpha is straight, not premultiplied; gray16 has the machine's byte order.
enum class Layout { gray8 = 0, gray_alpha8, rgb8, bgr8, rgba8, bgra8, gray16 };

namespace detail {

// ITU-R BT.601 in 16 fractional bits, as Pillow and libjpeg compute it.
inline std::uint8_t luma(unsigned r, unsigned g, unsigned b) {
  return static_cast<std::uint8_t>((r * 19595 + g * 38470 + b * 7471 + 32768) >> 16);
}

// A channel of a transparent pixel on white paper: (a c + (255 - a) 255) / 255, rounded.
inline unsigned on_white(unsigned value, unsigned alpha) {
  const unsigned sum = value * alpha + 255 * (255 - alpha) + 128;
  return ((sum >> 8) + sum) >> 8;
}

inline int pixel_bytes(Layout layout) {
  switch (layout) {
    case Layout::gray8: return 1;
    case Layout::gray_alpha8: case Layout::gray16: return 2;
    case Layout::rgb8: case Layout::bgr8: return 3;
    case Layout::rgba8: case Layout::bgra8: return 4;
  }
  throw Error("the layout of the pixels is none that is known");
}

inline std::uint8_t gray_of(const std::uint8_t* p, Layout layout) {
  switch (layout) {
    case Layout::gray8: return p[0];
    case Layout::gray_alpha8: return static_cast<std::uint8_t>(on_white(p[0], p[1]));
    case Layout::rgb8: return luma(p[0], p[1], p[2]);
    case Layout::bgr8: return luma(p[2], p[1], p[0]);
    case Layout::rgba8: return luma(on_white(p[0], p[3]), on_white(p[1], p[3]), on_white(p[2], p[3]));
    case Layout::bgra8: return luma(on_white(p[2], p[3]), on_white(p[1], p[3]), on_white(p[0], p[3]));
    case Layout::gray16: break;
  }
  std::uint16_t deep;
  std::memcpy(&deep, p, 2);
  return static_cast<std::uint8_t>((deep + 128u) / 257u);
}

}  // namespace detail

// Turn a picture upright: the value of EXIF's tag 0x0112, 1 to 8; anything else leaves it as it is.
inline Gray turn(const Gray& image, int orientation) {
  if (orientation < 2 || orientation > 8) return image;
  const bool swapped = orientation >= 5;
  Gray out;
  out.width = swapped ? image.height : image.width;
  out.height = swapped ? image.width : image.height;
  out.pixels.resize(image.pixels.size());
  for (int y = 0; y < out.height; ++y)
    for (int x = 0; x < out.width; ++x) {
      const int right = image.width - 1, bottom = image.height - 1;
      int u = swapped ? y : x, v = swapped ? x : y;
      if (orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8) u = right - u;
      if (orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7) v = bottom - v;
      out.pixels[static_cast<std::size_t>(y) * out.width + x] =
          image.pixels[static_cast<std::size_t>(v) * image.width + u];
    }
  return out;
}

// Gray of decoded pixels, turned upright.
//   data         the first row
//   width        in pixels, before turning; likewise height
//   row_bytes    from one row to the next; 0 for rows without gaps
//   orientation  EXIF's, 1 if there is none
inline Gray to_gray(const void* data, int width, int height, std::size_t row_bytes, Layout layout,
                    int orientation = 1) {
  if (!data || width < 1 || height < 1) throw Error("an image without pixels");
  const int step = detail::pixel_bytes(layout);
  if (row_bytes == 0) row_bytes = static_cast<std::size_t>(width) * step;
  if (row_bytes < static_cast<std::size_t>(width) * step) throw Error("rows overlap: row_bytes is below the width");
  Gray gray{width, height, std::vector<std::uint8_t>(static_cast<std::size_t>(width) * height)};
  std::uint8_t* out = gray.pixels.data();
  for (int y = 0; y < height; ++y) {
    const auto* p = static_cast<const std::uint8_t*>(data) + y * row_bytes;
    for (int x = 0; x < width; ++x, p += step) *out++ = detail::gray_of(p, layout);
  }
  return turn(gray, orientation);
}

}  // namespace inkport
