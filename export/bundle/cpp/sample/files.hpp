// Image files to gray for the sample: PNG by libpng, JPEG by libjpeg-turbo, PGM and PPM by hand.
// What it does with EXIF, transparency, palettes, 16 bits and CMYK is the definition in docs/embed of inkport.
#pragma once

#include <csetjmp>
#include <cstdio>

#include "inkport.hpp"

#if defined(INKPORT_WITH_PNG)
#include <png.h>
#endif
#if defined(INKPORT_WITH_JPEG)
#include <jpeglib.h>
#endif

namespace sample {

// EXIF's orientation in a block of EXIF data (a TIFF header and its first directory); 1 if it says none.
inline int orientation_of(const std::uint8_t* data, std::size_t size) {
  if (size < 8 || (data[0] != 'I' && data[0] != 'M')) return 1;
  const bool little = data[0] == 'I';
  auto number = [&](std::size_t at, int bytes) -> std::size_t {
    if (at > size || size - at < static_cast<std::size_t>(bytes)) return 0;
    std::size_t value = 0;
    for (int i = 0; i < bytes; ++i) value = value << 8 | data[at + (little ? bytes - 1 - i : i)];
    return value;
  };
  const std::size_t directory = number(4, 4);
  for (std::size_t i = 0, count = number(directory, 2); i < count; ++i) {
    const std::size_t entry = directory + 2 + 12 * i;
    if (number(entry, 2) == 0x0112) return static_cast<int>(number(entry + 8, 2));
  }
  return 1;
}

#if defined(INKPORT_WITH_PNG)
struct PngSource {
  const std::string& bytes;
  std::size_t at;
};

inline void png_give(png_structp png, png_bytep out, png_size_t size) {
  auto& source = *static_cast<PngSource*>(png_get_io_ptr(png));
  if (source.bytes.size() - source.at < size) png_error(png, "the file is cut off");
  std::memcpy(out, source.bytes.data() + source.at, size);
  source.at += size;
}

inline void png_fail(png_structp, png_const_charp message) { throw inkport::Error(std::string("PNG: ") + message); }

inline inkport::Gray open_png(const std::string& bytes) {
  PngSource source{bytes, 0};
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, nullptr, png_fail, [](png_structp, png_const_charp) {});
  png_infop info = png_create_info_struct(png);
  struct Release {
    png_structp png;
    png_infop info;
    ~Release() { png_destroy_read_struct(&png, &info, nullptr); }
  } release{png, info};
  png_set_read_fn(png, &source, png_give);
  png_read_info(png, info);
  const bool deep_gray = png_get_bit_depth(png, info) == 16 && png_get_color_type(png, info) == PNG_COLOR_TYPE_GRAY;
  png_color_16p clear = nullptr;
  const bool deep_clear = deep_gray && png_get_valid(png, info, PNG_INFO_tRNS) &&
                          png_get_tRNS(png, info, nullptr, nullptr, &clear);
  const unsigned clear_gray = deep_clear ? clear->gray : 0x10000u;
  if (deep_gray) {
    const std::uint16_t probe = 1;
    if (*reinterpret_cast<const std::uint8_t*>(&probe) == 1) png_set_swap(png);
  } else {
    png_set_expand(png);    // palettes, fewer than 8 bits, and a transparent colour become bytes
    png_set_strip_16(png);  // the high byte
  }
  png_set_interlace_handling(png);
  png_read_update_info(png, info);
  const std::size_t row_bytes = png_get_rowbytes(png, info);
  const int width = static_cast<int>(png_get_image_width(png, info));
  const int height = static_cast<int>(png_get_image_height(png, info));
  const int channels = png_get_channels(png, info);
  std::vector<std::uint8_t> pixels(row_bytes * static_cast<std::size_t>(height));
  std::vector<png_bytep> rows;
  for (int y = 0; y < height; ++y) rows.push_back(pixels.data() + row_bytes * static_cast<std::size_t>(y));
  png_read_image(png, rows.data());
  png_read_end(png, info);
  int orientation = 1;
  png_bytep exif = nullptr;
  png_uint_32 exif_size = 0;
  if (png_get_eXIf_1(png, info, &exif_size, &exif)) orientation = orientation_of(exif, exif_size);
  if (deep_gray && deep_clear)
    for (std::size_t i = 0; i + 1 < pixels.size(); i += 2) {
      std::uint16_t value;
      std::memcpy(&value, pixels.data() + i, 2);
      if (value == clear_gray) pixels[i] = pixels[i + 1] = 255;
    }
  using inkport::Layout;
  const Layout layouts[] = {Layout::gray8, Layout::gray_alpha8, Layout::rgb8, Layout::rgba8};
  return inkport::to_gray(pixels.data(), width, height, row_bytes, deep_gray ? Layout::gray16 : layouts[channels - 1],
                          orientation);
}
#endif

#if defined(INKPORT_WITH_JPEG)
[[noreturn]] inline void jpeg_fail(j_common_ptr info) {
  char message[JMSG_LENGTH_MAX];
  info->err->format_message(info, message);
  throw inkport::Error(std::string("JPEG: ") + message);
}

// As Pillow computes it: Adobe stores inverted inks.
inline void cmyk_to_rgb(std::uint8_t* pixel) {
  const unsigned black = pixel[3];
  for (int channel = 0; channel < 3; ++channel) {
    const unsigned product = (255u - pixel[channel]) * black + 128;
    pixel[channel] = static_cast<std::uint8_t>(black - (((product >> 8) + product) >> 8));
  }
}

inline inkport::Gray open_jpeg(const std::string& bytes) {
  jpeg_decompress_struct info{};
  jpeg_error_mgr errors{};
  info.err = jpeg_std_error(&errors);
  errors.error_exit = jpeg_fail;
  errors.emit_message = [](j_common_ptr common, int level) {
    // Below 0 stand damaged data, which the decoder would fill up with gray.
    if (level < 0) jpeg_fail(common);
  };
  jpeg_create_decompress(&info);
  struct Release {
    jpeg_decompress_struct& info;
    ~Release() { jpeg_destroy_decompress(&info); }
  } release{info};
  jpeg_mem_src(&info, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  jpeg_save_markers(&info, JPEG_APP0 + 1, 0xFFFF);
  jpeg_read_header(&info, TRUE);
  int orientation = 1;
  for (auto marker = info.marker_list; marker; marker = marker->next)
    if (marker->data_length > 6 && std::memcmp(marker->data, "Exif\0\0", 6) == 0)
      orientation = orientation_of(marker->data + 6, marker->data_length - 6);
  const bool inks = info.num_components == 4;
  info.out_color_space = inks ? JCS_CMYK : info.num_components == 1 ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_start_decompress(&info);
  const std::size_t row_bytes = static_cast<std::size_t>(info.output_width) * static_cast<std::size_t>(info.output_components);
  std::vector<std::uint8_t> pixels(row_bytes * info.output_height);
  while (info.output_scanline < info.output_height) {
    JSAMPROW row = pixels.data() + row_bytes * info.output_scanline;
    jpeg_read_scanlines(&info, &row, 1);
  }
  jpeg_finish_decompress(&info);
  if (inks)
    for (std::size_t i = 0; i < pixels.size(); i += 4) {
      cmyk_to_rgb(pixels.data() + i);
      pixels[i + 3] = 255;
    }
  using inkport::Layout;
  const Layout layout = inks ? Layout::rgba8 : info.num_components == 1 ? Layout::gray8 : Layout::rgb8;
  return inkport::to_gray(pixels.data(), static_cast<int>(info.output_width), static_cast<int>(info.output_height),
                          row_bytes, layout, orientation);
}
#endif

// Open PGM (P5) or PPM (P6) of 8 bits.
inline inkport::Gray open_pnm(const std::string& bytes) {
  if (bytes[1] == '5') return inkport::parse_pgm(bytes);
  std::istringstream in(bytes);
  std::string magic;
  int width = 0, height = 0, most = 0;
  if (!(in >> magic >> width >> height >> most) || magic != "P6" || most != 255 || width < 1 || height < 1)
    throw inkport::Error("no binary PPM file of 8 bits");
  const std::size_t at = static_cast<std::size_t>(in.tellg()) + 1;
  if (bytes.size() != at + 3 * static_cast<std::size_t>(width) * static_cast<std::size_t>(height))
    throw inkport::Error("a PPM file that is cut off");
  return inkport::to_gray(bytes.data() + at, width, height, 0, inkport::Layout::rgb8);
}

inline inkport::Gray parse_image(const std::string& bytes) {
#if defined(INKPORT_WITH_PNG)
  if (bytes.compare(0, 4, "\x89PNG") == 0) return open_png(bytes);
#endif
#if defined(INKPORT_WITH_JPEG)
  if (bytes.compare(0, 2, "\xff\xd8") == 0) return open_jpeg(bytes);
#endif
  if (bytes.size() > 2 && bytes[0] == 'P') return open_pnm(bytes);
  throw inkport::Error("not an image in a format that is read here");
}

inline inkport::Gray open_image(const std::string& path) {
  try {
    return parse_image(inkport::read_file(path));
  } catch (const inkport::Error& error) {
    throw inkport::Error(path + ": " + error.what());
  }
}

// How the self-test opens files: not at all in a build that lacks a decoder, which then begins with gray.
inline inkport::OpenFile open_golden() {
#if defined(INKPORT_WITH_PNG) && defined(INKPORT_WITH_JPEG)
  return open_image;
#else
  return nullptr;
#endif
}

}  // namespace sample
