// An engine behind three functions, and the recogniser that reads with one.
#pragma once

#include <fstream>
#include <memory>

#include "beam.hpp"

extern "C" {

// What an engine opens.
struct inkport_model {
  const char* path;     // the model's file
  const char* input;    // name of its input, float32 (1, 1, height, width)
  const char* output;   // name of its output, float32 (1, frames, classes)
  const char* library;  // the engine's shared library where it is loaded at run time; may be null
  int threads;          // for the computation, at least 1
  float background;     // value of the input's padding, for engines that pad further
};

// An inference engine: three functions, in C so that any language can supply one. Faults are written to `error`, a
// text of at most `size` bytes with the zero at its end.
struct inkport_engine {
  const char* name;
  // Load a model; null if that fails.
  void* (*open)(const inkport_model* model, char* error, int size);
  // Map one line, height x width, to frames x classes logits; 0 if all went well.
  int (*run)(void* session, const float* image, int height, int width, float* logits, int frames, int classes,
             char* error, int size);
  void (*close)(void* session);
};

}  // extern "C"

namespace inkport {

inline std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream content;
  if (!in || !(content << in.rdbuf())) throw Error(path + ": cannot be read");
  return content.str();
}

// Reads lines of text. One thread at a time; open one for each thread.
class Recogniser {
 public:
  // Open a bundle's folder, with specification.txt and the model that it names.
  //   library  the engine's shared library where it is loaded at run time, else empty
  Recogniser(const std::string& folder, const inkport_engine& engine, int threads = 1,
             const std::string& library = "")
      : Recogniser(parse_spec(read_file(folder + "/specification.txt")), folder, engine, threads, library) {}

  // Open a model whose specification the application got elsewhere; `folder` holds the file that it names.
  Recogniser(Spec spec, const std::string& folder, const inkport_engine& engine, int threads = 1,
             const std::string& library = "")
      : spec_(std::move(spec)), folder_(folder), engine_(engine) {
    char error[512] = "";
    const std::string model = folder + "/" + spec_.model;
    const inkport_model wanted{model.c_str(), spec_.input.c_str(), spec_.output.c_str(),
                               library.empty() ? nullptr : library.c_str(), threads,
                               (static_cast<float>(spec_.background) / 255.0f - spec_.mean) / spec_.std};
    session_ = engine_.open(&wanted, error, sizeof error);
    if (!session_) throw Error(std::string(engine_.name) + ": " + error);
  }
  ~Recogniser() { engine_.close(session_); }
  Recogniser(const Recogniser&) = delete;
  Recogniser& operator=(const Recogniser&) = delete;

  const Spec& spec() const { return spec_; }

  // The folder that it was opened from.
  const std::string& folder() const { return folder_; }

  // Decode with a language model from now on.
  void use(LanguageModel model) {
    if (model.charset_sha256 != spec_.charset_sha256)
      throw Error("the language model was built for another charset than the recogniser's");
    model_ = std::make_unique<LanguageModel>(std::move(model));
  }

  // Read one line of text, upright and gray; see to_gray.
  Reading read(const Gray& image) const { return decode(run(prepare(image, spec_))); }

  // The network's output for a prepared line.
  Logits run(const Gray& tensor) const { return run(normalise(tensor, spec_), tensor.height, tensor.width); }

  Logits run(const std::vector<float>& values, int height, int width) const {
    Logits logits{width / spec_.stride, spec_.classes(), {}};
    logits.values.resize(static_cast<std::size_t>(logits.frames) * logits.classes);
    char error[512] = "";
    if (engine_.run(session_, values.data(), height, width, logits.values.data(), logits.frames, logits.classes,
                    error, sizeof error) != 0)
      throw Error(std::string(engine_.name) + ": " + error);
    return logits;
  }

  // Greedy, or with the language model that is in use.
  Reading decode(const Logits& logits) const {
    return model_ ? beam_search(logits, spec_, *model_) : greedy(logits, spec_);
  }

 private:
  Spec spec_;
  std::string folder_;
  inkport_engine engine_;
  void* session_ = nullptr;
  std::unique_ptr<LanguageModel> model_;
};

}  // namespace inkport
