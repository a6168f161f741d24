// The C interface (inkport.h) over inkport.hpp, with the engine that INKPORT_ENGINE_HEADER names.
#include "inkport.h"

#include <cstdio>

#include "inkport.hpp"
#include INKPORT_ENGINE_HEADER

struct inkport_recogniser {
  inkport::Recogniser recogniser;
};

struct inkport_reading {
  std::string text;
  std::vector<inkport_symbol> symbols;
  float confidence;
};

namespace {

void say(char* error, int size, const std::string& message) {
  if (error && size > 0) std::snprintf(error, static_cast<std::size_t>(size), "%s", message.c_str());
}

// No exception crosses the border to another language.
template <class Result, class Action>
Result guarded(Result failed, char* error, int size, Action action) {
  try {
    return action();
  } catch (const std::exception& fault) {
    say(error, size, fault.what());
  } catch (...) {
    say(error, size, "an unknown fault");
  }
  return failed;
}

}  // namespace

inkport_recogniser* inkport_open(const char* folder, const char* library, int threads, char* error, int size) {
  return guarded(static_cast<inkport_recogniser*>(nullptr), error, size, [&] {
    return new inkport_recogniser{{folder, inkport::engine(), threads, library ? library : ""}};
  });
}

int inkport_use_lm(inkport_recogniser* recogniser, const char* file, char* error, int size) {
  return guarded(1, error, size, [&] {
    recogniser->recogniser.use(inkport::LanguageModel::parse(inkport::read_file(file)));
    return 0;
  });
}

inkport_reading* inkport_read(inkport_recogniser* recogniser, const void* pixels, int width, int height,
                              size_t row_bytes, int layout, int orientation, char* error, int size) {
  return guarded(static_cast<inkport_reading*>(nullptr), error, size, [&] {
    const auto gray =
        inkport::to_gray(pixels, width, height, row_bytes, static_cast<inkport::Layout>(layout), orientation);
    const inkport::Reading read = recogniser->recogniser.read(gray);
    auto reading = std::make_unique<inkport_reading>();
    reading->text = read.text;
    reading->confidence = read.confidence;
    for (const inkport::Symbol& symbol : read.symbols)
      reading->symbols.push_back({static_cast<uint32_t>(symbol.code_point), symbol.first_frame, symbol.last_frame,
                                  symbol.confidence, symbol.gap});
    return reading.release();
  });
}

const char* inkport_text(const inkport_reading* reading) { return reading->text.c_str(); }

const inkport_symbol* inkport_symbols(const inkport_reading* reading, int* count) {
  *count = static_cast<int>(reading->symbols.size());
  return reading->symbols.data();
}

float inkport_confidence(const inkport_reading* reading) { return reading->confidence; }

void inkport_reading_free(inkport_reading* reading) { delete reading; }

void inkport_close(inkport_recogniser* recogniser) { delete recogniser; }

int inkport_self_test(inkport_recogniser* recogniser, const char* golden, inkport_open_file open_file, void* user,
                      int jpeg_tolerance, char* stage, int stage_size, char* error, int size) {
  return guarded(2, error, size, [&] {
    inkport::OpenFile open;
    if (open_file)
      open = [&](const std::string& path) {
        inkport_pixels found{nullptr, 0, 0, 0, 0, 1};
        if (open_file(user, path.c_str(), &found) != 0) throw inkport::Error("the application cannot open it");
        return inkport::to_gray(found.pixels, found.width, found.height, found.row_bytes,
                                static_cast<inkport::Layout>(found.layout), found.orientation);
      };
    const inkport::Fault fault = inkport::self_test(recogniser->recogniser, golden, open, jpeg_tolerance);
    say(stage, stage_size, fault.stage);
    if (fault) say(error, size, fault.line + ": " + fault.detail);
    return fault ? 1 : 0;
  });
}
