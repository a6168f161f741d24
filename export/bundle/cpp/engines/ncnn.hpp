// ncnn as an engine, in fp32; linked (CMake: find_package(ncnn)). For bundles of ncnn artifacts.
#pragma once

#include <ncnn/net.h>

#include <cstdio>
#include <string>

#include "inkport.hpp"

namespace inkport {
namespace ncnn_engine {

// What pnnx calls the first input and the first output.
constexpr char kInput[] = "in0", kOutput[] = "out0";

inline void* open(const inkport_model* model, char* error, int size) {
  try {
    auto net = std::make_unique<ncnn::Net>();
    ncnn::Option& option = net->opt;
    option.num_threads = model->threads;
    option.use_vulkan_compute = false;
    // Options that round to 16 bits, some of them on by default wherever the processor can.
    option.use_fp16_packed = option.use_fp16_storage = option.use_fp16_arithmetic = false;
    option.use_bf16_storage = false;
    const std::string layers = model->path;
    const auto dot = layers.rfind(".param");
    if (dot == std::string::npos) throw Error(layers + ": expected the .param file");
    const std::string weights = layers.substr(0, dot) + ".bin";
    if (net->load_param(layers.c_str())) throw Error(layers + ": ncnn cannot load it");
    if (net->load_model(weights.c_str())) throw Error(weights + ": ncnn cannot load it");
    return net.release();
  } catch (const std::exception& fault) {
    std::snprintf(error, static_cast<std::size_t>(size), "%s", fault.what());
    return nullptr;
  }
}

inline int run(void* session, const float* image, int height, int width, float* logits, int frames, int classes,
               char* error, int size) {
  try {
    ncnn::Extractor extractor = static_cast<ncnn::Net*>(session)->create_extractor();
    // The clone is ncnn's own, aligned as its kernels want it.
    const ncnn::Mat input = ncnn::Mat(width, height, 1, const_cast<float*>(image)).clone();
    ncnn::Mat output;
    if (extractor.input(kInput, input) || extractor.extract(kOutput, output)) throw Error("the network does not run");
    if (output.dims != 2 || output.w != classes || output.h != frames || output.elempack != 1)
      throw Error("the network's output has another shape than the specification says");
    for (int t = 0; t < frames; ++t)
      std::copy_n(output.row(t), classes, logits + static_cast<std::size_t>(t) * static_cast<std::size_t>(classes));
    return 0;
  } catch (const std::exception& fault) {
    std::snprintf(error, static_cast<std::size_t>(size), "%s", fault.what());
    return 1;
  }
}

inline void close(void* session) { delete static_cast<ncnn::Net*>(session); }

}  // namespace ncnn_engine

inline inkport_engine engine() { return {"ncnn", ncnn_engine::open, ncnn_engine::run, ncnn_engine::close}; }

inline std::string engine_version(const char*) { return NCNN_VERSION_STRING; }

}  // namespace inkport
