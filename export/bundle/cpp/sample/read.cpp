// Prints the text of line images: inkport-read [OPTIONS] BUNDLE [IMAGE...]
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "files.hpp"
#include "inkport.hpp"
#include INKPORT_ENGINE_HEADER

namespace {

constexpr char kUsage[] =
    "usage: inkport-read [OPTIONS] BUNDLE [IMAGE...]\n"
    "  --library FILE   the engine's shared library; $INKPORT_ENGINE_LIBRARY if left out\n"
    "  --lm FILE        decode with a language model\n"
    "  --threads N      threads of the computation, 1 if left out\n"
    "  --symbols        print code point, frames, confidence and gap of every symbol\n"
    "  --tensor DIR     write every prepared image as DIR/NUMBER.pgm, and read nothing\n"
    "  --self-test      compare this machine with BUNDLE/golden, and name the first stage that is wrong\n"
    "  --time           print the milliseconds from file to text of every image\n";

struct Options {
  std::string bundle, library, lm, tensors;
  int threads = 1;
  bool symbols = false, self_test = false, time = false;
  std::vector<std::string> images;
};

Options parse(int count, char** words) {
  Options options;
  for (int i = 1; i < count; ++i) {
    const std::string word = words[i];
    auto value = [&]() -> std::string {
      if (++i == count) throw inkport::Error(word + " needs a value");
      return words[i];
    };
    if (word == "--library") options.library = value();
    else if (word == "--lm") options.lm = value();
    else if (word == "--threads") options.threads = std::stoi(value());
    else if (word == "--tensor") options.tensors = value();
    else if (word == "--symbols") options.symbols = true;
    else if (word == "--self-test") options.self_test = true;
    else if (word == "--time") options.time = true;
    else if (word.rfind("--", 0) == 0) throw inkport::Error(word + " is no option\n" + kUsage);
    else if (options.bundle.empty()) options.bundle = word;
    else options.images.push_back(word);
  }
  if (options.bundle.empty()) throw inkport::Error(kUsage);
  const char* usual = std::getenv("INKPORT_ENGINE_LIBRARY");
  if (options.library.empty() && usual) options.library = usual;
  return options;
}

void write_tensors(const Options& options) {
  const inkport::Spec spec = inkport::parse_spec(inkport::read_file(options.bundle + "/specification.txt"));
  for (std::size_t i = 0; i < options.images.size(); ++i) {
    const inkport::Gray tensor = inkport::prepare(sample::open_image(options.images[i]), spec);
    std::ofstream out(options.tensors + "/" + std::to_string(i) + ".pgm", std::ios::binary);
    out << "P5\n" << tensor.width << ' ' << tensor.height << "\n255\n";
    out.write(reinterpret_cast<const char*>(tensor.pixels.data()), static_cast<std::streamsize>(tensor.pixels.size()));
    if (!out.flush()) throw inkport::Error(options.tensors + ": cannot be written to");
  }
}

int test_itself(const inkport::Recogniser& recogniser, const std::string& bundle) {
  const auto start = std::chrono::steady_clock::now();
  const inkport::Fault fault = inkport::self_test(recogniser, bundle + "/golden", sample::open_golden());
  const std::chrono::duration<double, std::milli> elapsed = std::chrono::steady_clock::now() - start;
  if (fault)
    std::printf("%s\t%s\t%s\n", fault.stage.c_str(), fault.line.c_str(), fault.detail.c_str());
  else
    std::printf("all stages are right (%.0f ms)\n", elapsed.count());
  return fault ? 1 : 0;
}

void print(const Options& options, const std::string& image, const inkport::Reading& reading, double elapsed_ms) {
  if (options.images.size() > 1) std::printf("%s\t", image.c_str());
  if (options.time) std::printf("%.3f\t", elapsed_ms);
  std::printf("%s\n", reading.text.c_str());
  if (options.symbols)
    for (const inkport::Symbol& symbol : reading.symbols)
      std::printf("  U+%04X\t%d\t%d\t%.9g\t%.9g\n", static_cast<unsigned>(symbol.code_point), symbol.first_frame,
                  symbol.last_frame, static_cast<double>(symbol.confidence), static_cast<double>(symbol.gap));
}

int run(int count, char** words) {
  const Options options = parse(count, words);
  if (!options.tensors.empty()) {
    write_tensors(options);
    return 0;
  }
  inkport::Recogniser recogniser(options.bundle, inkport::engine(), options.threads, options.library);
  if (!options.lm.empty()) recogniser.use(inkport::LanguageModel::parse(inkport::read_file(options.lm)));
  if (options.self_test) return test_itself(recogniser, options.bundle);
  int code = 0;
  for (const std::string& image : options.images) {
    try {
      const auto start = std::chrono::steady_clock::now();
      const inkport::Reading reading = recogniser.read(sample::open_image(image));
      const std::chrono::duration<double, std::milli> elapsed = std::chrono::steady_clock::now() - start;
      print(options, image, reading, elapsed.count());
    } catch (const inkport::Error& error) {
      // The others are still read.
      std::fprintf(stderr, "inkport-read: %s\n", error.what());
      code = 2;
    }
  }
  return code;
}

}  // namespace

int main(int count, char** words) {
  try {
    return run(count, words);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "inkport-read: %s\n", error.what());
    return 2;
  }
}
