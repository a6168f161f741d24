// LiteRT (TensorFlow Lite) as an engine, by its C interface; linked. For bundles of litert artifacts.
//
// The file has a signature per width, "w<width>", with two inputs: the line, and the mask of the columns that belong to it.
#pragma once

#include <tensorflow/lite/c/c_api.h>

#include <cstdio>
#include <cstring>
#include <string>

#include "inkport.hpp"

namespace inkport {
namespace litert {

constexpr char kColumns[] = "columns";

struct Session {
  TfLiteModel* model = nullptr;
  TfLiteInterpreterOptions* options = nullptr;
  TfLiteInterpreter* interpreter = nullptr;
  std::map<int, TfLiteSignatureRunner*> runners;  // by width
  std::string input, output;
  float background = 0;

  ~Session() {
    for (const auto& runner : runners) TfLiteSignatureRunnerDelete(runner.second);
    if (interpreter) TfLiteInterpreterDelete(interpreter);
    if (options) TfLiteInterpreterOptionsDelete(options);
    if (model) TfLiteModelDelete(model);
  }
};

inline void check(TfLiteStatus status, const char* doing) {
  if (status != kTfLiteOk) throw Error(std::string(doing) + " failed with status " + std::to_string(status));
}

inline void* open(const inkport_model* model, char* error, int size) {
  try {
    auto session = std::make_unique<Session>();
    Session& s = *session;
    s.input = model->input;
    s.output = model->output;
    s.background = model->background;
    s.model = TfLiteModelCreateFromFile(model->path);
    if (!s.model) throw Error(std::string(model->path) + ": LiteRT cannot load it");
    s.options = TfLiteInterpreterOptionsCreate();
    TfLiteInterpreterOptionsSetNumThreads(s.options, model->threads);
    s.interpreter = TfLiteInterpreterCreate(s.model, s.options);
    if (!s.interpreter) throw Error(std::string(model->path) + ": LiteRT has not all of its operators");
    for (int i = 0; i < TfLiteInterpreterGetSignatureCount(s.interpreter); ++i) {
      const char* key = TfLiteInterpreterGetSignatureKey(s.interpreter, i);
      const int width = key[0] == 'w' ? std::atoi(key + 1) : 0;
      if (width < 1) throw Error(std::string(model->path) + ": signature " + key + " names no width");
      s.runners[width] = TfLiteInterpreterGetSignatureRunner(s.interpreter, key);
      check(TfLiteSignatureRunnerAllocateTensors(s.runners[width]), "allocating");
    }
    return session.release();
  } catch (const std::exception& fault) {
    std::snprintf(error, static_cast<std::size_t>(size), "%s", fault.what());
    return nullptr;
  }
}

inline void give(TfLiteSignatureRunner* runner, const char* name, const std::vector<float>& values) {
  TfLiteTensor* tensor = TfLiteSignatureRunnerGetInputTensor(runner, name);
  if (!tensor) throw Error(std::string("the model has no input ") + name);
  check(TfLiteTensorCopyFromBuffer(tensor, values.data(), sizeof(float) * values.size()), "giving the input");
}

inline int run(void* session, const float* image, int height, int width, float* logits, int frames, int classes,
               char* error, int size) {
  try {
    const Session& s = *static_cast<const Session*>(session);
    const auto found = s.runners.lower_bound(width);
    if (found == s.runners.end()) throw Error("the line is wider than the widest signature: cut it");
    const std::size_t bucket = static_cast<std::size_t>(found->first), row = static_cast<std::size_t>(width);
    std::vector<float> padded(bucket * static_cast<std::size_t>(height), s.background), columns(bucket, 0.0f);
    for (std::size_t y = 0; y < static_cast<std::size_t>(height); ++y)
      std::copy_n(image + y * row, row, padded.data() + y * bucket);
    std::fill_n(columns.begin(), row, 1.0f);
    give(found->second, s.input.c_str(), padded);
    give(found->second, kColumns, columns);
    check(TfLiteSignatureRunnerInvoke(found->second), "running");
    const TfLiteTensor* output = TfLiteSignatureRunnerGetOutputTensor(found->second, s.output.c_str());
    const std::size_t bytes = sizeof(float) * static_cast<std::size_t>(frames) * static_cast<std::size_t>(classes);
    if (!output || TfLiteTensorByteSize(output) < bytes) throw Error("the model's output is too small");
    // Frames of what was padded come last.
    std::memcpy(logits, TfLiteTensorData(output), bytes);
    return 0;
  } catch (const std::exception& fault) {
    std::snprintf(error, static_cast<std::size_t>(size), "%s", fault.what());
    return 1;
  }
}

inline void close(void* session) { delete static_cast<Session*>(session); }

}  // namespace litert

inline inkport_engine engine() { return {"litert", litert::open, litert::run, litert::close}; }

inline std::string engine_version(const char*) { return TfLiteVersion(); }

}  // namespace inkport
