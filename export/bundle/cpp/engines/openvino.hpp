// OpenVINO as an engine, by its C interface; linked (CMake: find_package(OpenVINO)).
#pragma once

#include <openvino/c/openvino.h>

#include <cstdio>
#include <string>

#include "inkport.hpp"

namespace inkport {
namespace openvino {

struct Session {
  ov_core_t* core = nullptr;
  ov_compiled_model_t* compiled = nullptr;
  ov_infer_request_t* request = nullptr;
  std::string input, output;

  ~Session() {
    if (request) ov_infer_request_free(request);
    if (compiled) ov_compiled_model_free(compiled);
    if (core) ov_core_free(core);
  }
};

inline void check(ov_status_e status, const char* doing) {
  if (status != OK) throw Error(std::string(doing) + ": " + ov_get_error_info(status) + " " + ov_get_last_err_msg());
}

inline void* open(const inkport_model* model, char* error, int size) {
  try {
    auto session = std::make_unique<Session>();
    session->input = model->input;
    session->output = model->output;
    check(ov_core_create(&session->core), "starting");
    const std::string threads = std::to_string(model->threads);
    // Without the hint, processors with bf16 compute in it, and read other texts.
    check(ov_core_compile_model_from_file(session->core, model->path, "CPU", 6, &session->compiled,
                                          "INFERENCE_PRECISION_HINT", "f32", "INFERENCE_NUM_THREADS", threads.c_str(),
                                          "NUM_STREAMS", "1"),
          "loading the model");
    check(ov_compiled_model_create_infer_request(session->compiled, &session->request), "preparing to run");
    return session.release();
  } catch (const std::exception& fault) {
    std::snprintf(error, static_cast<std::size_t>(size), "%s", fault.what());
    return nullptr;
  }
}

inline void infer(const Session& s, ov_tensor_t* image, float* logits, int frames, int classes) {
  check(ov_infer_request_set_tensor(s.request, s.input.c_str(), image), "setting the input");
  check(ov_infer_request_infer(s.request), "running");
  ov_tensor_t* found = nullptr;
  check(ov_infer_request_get_tensor(s.request, s.output.c_str(), &found), "getting the output");
  const std::unique_ptr<ov_tensor_t, void (*)(ov_tensor_t*)> tensor(found, ov_tensor_free);
  ov_shape_t shape{};
  check(ov_tensor_get_shape(found, &shape), "getting the output's shape");
  const bool fits = shape.rank == 3 && shape.dims[0] == 1 && shape.dims[1] == frames && shape.dims[2] == classes;
  ov_shape_free(&shape);
  if (!fits) throw Error("the model's output has another shape than the specification says");
  void* values = nullptr;
  check(ov_tensor_data(found, &values), "getting the output's values");
  std::copy_n(static_cast<const float*>(values), static_cast<std::size_t>(frames) * classes, logits);
}

inline int run(void* session, const float* image, int height, int width, float* logits, int frames, int classes,
               char* error, int size) {
  try {
    std::int64_t dims[4] = {1, 1, height, width};
    ov_shape_t shape{};
    check(ov_shape_create(4, dims, &shape), "making the input");
    ov_tensor_t* tensor = nullptr;
    const ov_status_e made = ov_tensor_create_from_host_ptr(F32, shape, const_cast<float*>(image), &tensor);
    ov_shape_free(&shape);
    check(made, "making the input");
    const std::unique_ptr<ov_tensor_t, void (*)(ov_tensor_t*)> held(tensor, ov_tensor_free);
    infer(*static_cast<const Session*>(session), tensor, logits, frames, classes);
    return 0;
  } catch (const std::exception& fault) {
    std::snprintf(error, static_cast<std::size_t>(size), "%s", fault.what());
    return 1;
  }
}

inline void close(void* session) { delete static_cast<Session*>(session); }

}  // namespace openvino

inline inkport_engine engine() { return {"openvino", openvino::open, openvino::run, openvino::close}; }

inline std::string engine_version(const char*) {
  ov_version_t version{};
  if (ov_get_openvino_version(&version) != OK) return "";
  const std::string text = version.buildNumber;
  ov_version_free(&version);
  return text;
}

}  // namespace inkport
