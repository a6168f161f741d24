// ONNX Runtime as an engine. Its library is loaded at run time (no header of it is needed), or linked if
// INKPORT_LINK_ONNXRUNTIME is defined, as on iOS.
//
// ONNX Runtime's C interface is one table of functions that is only ever appended to, "so that a program built with an
// older version runs with a newer one" (docs/Versioning.md there). What is used here is in the table since version 1.0.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

#if defined(_WIN32)
#include <windows.h>
#else
#include <dlfcn.h>
#endif

#include "inkport.hpp"

namespace inkport {
namespace onnxruntime {

using Status = void*;  // null if all went well

// Places in OrtApi, in the order of onnxruntime_c_api.h.
enum Slot {
  kGetErrorMessage = 2, kCreateEnv = 3, kCreateSession = 7, kRun = 9, kCreateSessionOptions = 10,
  kSetSessionLogSeverityLevel = 22, kSetIntraOpNumThreads = 24, kSetInterOpNumThreads = 25,
  kCreateTensorWithData = 49, kGetTensorMutableData = 51, kGetDimensionsCount = 61, kGetDimensions = 62,
  kGetTensorTypeAndShape = 65, kCreateCpuMemoryInfo = 69, kReleaseEnv = 92, kReleaseStatus = 93,
  kReleaseMemoryInfo = 94, kReleaseSession = 95, kReleaseValue = 96, kReleaseTensorTypeAndShapeInfo = 99,
  kReleaseSessionOptions = 100
};

struct ApiBase {
  const void* const* (*get_api)(std::uint32_t version);
  const char* (*get_version)();
};

#if defined(INKPORT_LINK_ONNXRUNTIME)
extern "C" const ApiBase* OrtGetApiBase();
#endif

#if defined(_WIN32)
using PathChar = wchar_t;
#else
using PathChar = char;
#endif

struct Session {
  const void* const* api = nullptr;
  void *env = nullptr, *options = nullptr, *memory = nullptr, *session = nullptr;
  std::string input, output;

  // Call the function in a place of the table.
  template <class Result = Status, class... Arguments>
  Result call(Slot slot, Arguments... arguments) const {
    return reinterpret_cast<Result (*)(Arguments...)>(const_cast<void*>(api[slot]))(arguments...);
  }
  // Throw what a status says, and free it.
  void check(Status status) const {
    if (!status) return;
    const std::string message = call<const char*>(kGetErrorMessage, static_cast<const void*>(status));
    call<void>(kReleaseStatus, status);
    throw Error(message);
  }
  void release(Slot slot, void*& thing) const {
    if (thing) call<void>(slot, thing);
    thing = nullptr;
  }
  ~Session() {
    release(kReleaseSession, session);
    release(kReleaseSessionOptions, options);
    release(kReleaseMemoryInfo, memory);
    release(kReleaseEnv, env);
  }
};

inline const ApiBase* api_base(const char* library) {
#if defined(INKPORT_LINK_ONNXRUNTIME)
  (void)library;
  return OrtGetApiBase();
#elif defined(_WIN32)
  HMODULE found = LoadLibraryA(library ? library : "onnxruntime.dll");
  if (!found) throw Error("onnxruntime.dll cannot be loaded");
  return reinterpret_cast<const ApiBase* (*)()>(GetProcAddress(found, "OrtGetApiBase"))();
#else
#if defined(__APPLE__)
  const char* usual = "libonnxruntime.dylib";
#else
  const char* usual = "libonnxruntime.so";
#endif
  void* found = dlopen(library ? library : usual, RTLD_NOW | RTLD_LOCAL);
  if (!found) throw Error(std::string("ONNX Runtime's library cannot be loaded: ") + dlerror());
  void* entry = dlsym(found, "OrtGetApiBase");
  if (!entry) throw Error(std::string(library ? library : usual) + " is no ONNX Runtime");
  return reinterpret_cast<const ApiBase* (*)()>(entry)();
#endif
}

inline void* open(const inkport_model* model, char* error, int size) {
  try {
    auto session = std::make_unique<Session>();
    session->api = api_base(model->library)->get_api(1);
    if (!session->api) throw Error("this ONNX Runtime has no C interface of version 1");
    session->input = model->input;
    session->output = model->output;
    Session& s = *session;
    s.check(s.call(kCreateEnv, 3, "inkport", &s.env));
    s.check(s.call(kCreateSessionOptions, &s.options));
    s.check(s.call(kSetIntraOpNumThreads, s.options, model->threads));
    s.check(s.call(kSetInterOpNumThreads, s.options, 1));
    s.check(s.call(kSetSessionLogSeverityLevel, s.options, 3));
    s.check(s.call(kCreateCpuMemoryInfo, 1, 0, &s.memory));
    const std::string path = model->path;
#if defined(_WIN32)
    std::wstring wide(static_cast<std::size_t>(MultiByteToWideChar(CP_UTF8, 0, path.c_str(), -1, nullptr, 0)), L' ');
    MultiByteToWideChar(CP_UTF8, 0, path.c_str(), -1, &wide[0], static_cast<int>(wide.size()));
    const PathChar* file = wide.c_str();
#else
    const PathChar* file = path.c_str();
#endif
    s.check(s.call(kCreateSession, s.env, file, static_cast<const void*>(s.options), &s.session));
    return session.release();
  } catch (const std::exception& fault) {
    std::snprintf(error, static_cast<std::size_t>(size), "%s", fault.what());
    return nullptr;
  }
}

inline void read_output(const Session& s, void* value, float* logits, int frames, int classes) {
  void* info = nullptr;
  s.check(s.call(kGetTensorTypeAndShape, static_cast<const void*>(value), &info));
  std::size_t rank = 0;
  std::int64_t shape[3] = {0, 0, 0};
  Status status = s.call(kGetDimensionsCount, static_cast<const void*>(info), &rank);
  if (!status && rank == 3) status = s.call(kGetDimensions, static_cast<const void*>(info), shape, rank);
  s.release(kReleaseTensorTypeAndShapeInfo, info);
  s.check(status);
  if (shape[0] != 1 || shape[1] != frames || shape[2] != classes)
    throw Error("the model's output has another shape than 1 x " + std::to_string(frames) + " x " +
                std::to_string(classes));
  float* values = nullptr;
  s.check(s.call(kGetTensorMutableData, value, reinterpret_cast<void**>(&values)));
  std::copy(values, values + static_cast<std::size_t>(frames) * classes, logits);
}

inline int run(void* session, const float* image, int height, int width, float* logits, int frames, int classes,
               char* error, int size) {
  const Session& s = *static_cast<const Session*>(session);
  void *tensor = nullptr, *result = nullptr;
  int code = 0;
  try {
    const std::int64_t shape[4] = {1, 1, height, width};
    const std::size_t bytes = sizeof(float) * static_cast<std::size_t>(height) * static_cast<std::size_t>(width);
    s.check(s.call(kCreateTensorWithData, static_cast<const void*>(s.memory),
                   static_cast<void*>(const_cast<float*>(image)), bytes, &shape[0], std::size_t{4}, 1, &tensor));
    const char *input = s.input.c_str(), *output = s.output.c_str();
    s.check(s.call(kRun, s.session, static_cast<const void*>(nullptr), &input, &tensor, std::size_t{1}, &output,
                   std::size_t{1}, &result));
    read_output(s, result, logits, frames, classes);
  } catch (const std::exception& fault) {
    std::snprintf(error, static_cast<std::size_t>(size), "%s", fault.what());
    code = 1;
  }
  s.release(kReleaseValue, result);
  s.release(kReleaseValue, tensor);
  return code;
}

inline void close(void* session) { delete static_cast<Session*>(session); }

// The version of ONNX Runtime.
inline std::string version(const char* library) { return api_base(library)->get_version(); }

}  // namespace onnxruntime

inline inkport_engine engine() {
  return {"onnxruntime", onnxruntime::open, onnxruntime::run, onnxruntime::close};
}

inline std::string engine_version(const char* library) { return onnxruntime::version(library); }

}  // namespace inkport
