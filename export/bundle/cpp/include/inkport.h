/* The C interface of inkport.hpp, for Swift, Dart, C#, JNI and whatever else calls C.
 *
 * Every function that can fail returns null or a number other than 0, and writes a sentence for a person to `error`,
 * at most `size` bytes with the zero at its end. Texts are UTF-8. One recogniser belongs to one thread at a time. */
#ifndef INKPORT_H
#define INKPORT_H

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define INKPORT_API __declspec(dllexport)
#else
#define INKPORT_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef struct inkport_recogniser inkport_recogniser;
typedef struct inkport_reading inkport_reading;

/* How the channels of a pixel lie in memory. Alpha is straight, not premultiplied. */
enum inkport_layout {
  INKPORT_GRAY8 = 0,
  INKPORT_GRAY_ALPHA8 = 1,
  INKPORT_RGB8 = 2,
  INKPORT_BGR8 = 3,
  INKPORT_RGBA8 = 4,
  INKPORT_BGRA8 = 5,
  INKPORT_GRAY16 = 6 /* in the machine's byte order */
};

/* One symbol that was read. */
typedef struct {
  uint32_t code_point;  /* Unicode */
  int32_t first_frame;  /* counted from 0 */
  int32_t last_frame;   /* included */
  float confidence;     /* softmax probability at its best frame, 0..1 */
  float gap;         /* smallest difference of the two best logits over its frames */
} inkport_symbol;

/* Decoded pixels, as an application's own decoder hands them over; see inkport_read. */
typedef struct {
  const void *pixels;
  int32_t width, height;
  size_t row_bytes;
  int32_t layout, orientation;
} inkport_pixels;

/* Open a bundle's folder with the engine that this library was built with.
 *   library  the engine's shared library where it is loaded at run time; may be null */
INKPORT_API inkport_recogniser *inkport_open(const char *folder, const char *library, int threads, char *error,
                                             int size);
/* Decode with a language model from now on; 0 if all went well. */
INKPORT_API int inkport_use_lm(inkport_recogniser *recogniser, const char *file, char *error, int size);
/* Read one line of text.
 *   row_bytes    from one row to the next; 0 for rows without gaps
 *   layout       one of inkport_layout
 *   orientation  EXIF's tag 0x0112, 1 if there is none */
INKPORT_API inkport_reading *inkport_read(inkport_recogniser *recogniser, const void *pixels, int width, int height,
                                          size_t row_bytes, int layout, int orientation, char *error, int size);
/* The text, until the reading is freed. */
INKPORT_API const char *inkport_text(const inkport_reading *reading);
/* The symbols, as many as `count` is set to, until the reading is freed. */
INKPORT_API const inkport_symbol *inkport_symbols(const inkport_reading *reading, int *count);
/* Mean confidence of the symbols; NaN without symbols. */
INKPORT_API float inkport_confidence(const inkport_reading *reading);
INKPORT_API void inkport_reading_free(inkport_reading *reading);
INKPORT_API void inkport_close(inkport_recogniser *recogniser);

/* Opens an image file for the self-test, with pixels that last until the next call; 0 if all went well. */
typedef int (*inkport_open_file)(void *user, const char *path, inkport_pixels *pixels);
/* Compare this device with golden/: 0 if all stages are right, 1 if one is wrong, with its name (bundle, gray, tensor,
 * ids, confidence, text) in `stage` and more in `error`, and 2 if golden/ cannot be read.
 *   open_file       the application's own decoder; null leaves the files out and begins with gray
 *   jpeg_tolerance  levels by which gray of a JPEG file may differ: 0 with libjpeg-turbo, 1 with other decoders */
INKPORT_API int inkport_self_test(inkport_recogniser *recogniser, const char *golden, inkport_open_file open_file,
                                  void *user, int jpeg_tolerance, char *stage, int stage_size, char *error, int size);

#ifdef __cplusplus
}
#endif

#endif
