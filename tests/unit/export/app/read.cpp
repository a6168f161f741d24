// Runs a whole reader on pictures, through the table of functions by which a C++ bundle's engine uses ONNX Runtime:
// read LIBRARY MODEL FOLDER COUNT; the folder has picture.N with "height width channels\n" before the pixels. Writes
// the bytes of each output beside it, as picture.N.NAME.

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <sstream>
#include <vector>

#include "inkport/onnxruntime.hpp"

using inkport::onnxruntime::Session;
namespace ort = inkport::onnxruntime;

namespace {

const char* const kOutputs[] = {"code_points", "confidences", "frames", "tensor", "fault"};
const std::size_t kBytes[] = {4, 4, 4, 1, 4};  // of a value of each

std::size_t values(const Session& s, void* tensor) {
  void* info = nullptr;
  std::size_t rank = 0;
  s.check(s.call(ort::kGetTensorTypeAndShape, static_cast<const void*>(tensor), &info));
  s.check(s.call(ort::kGetDimensionsCount, static_cast<const void*>(info), &rank));
  std::vector<std::int64_t> shape(rank);
  s.check(s.call(ort::kGetDimensions, static_cast<const void*>(info), shape.data(), rank));
  s.release(ort::kReleaseTensorTypeAndShapeInfo, info);
  std::size_t count = 1;
  for (std::int64_t side : shape) count *= static_cast<std::size_t>(side);
  return count;
}

void read(const Session& s, const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::int64_t shape[3];
  in >> shape[0] >> shape[1] >> shape[2];
  in.ignore(1);
  std::vector<char> pixels((std::istreambuf_iterator<char>(in)), {});
  void *image = nullptr, *found[5] = {};
  const int kUint8 = 2;  // ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8
  s.check(s.call(ort::kCreateTensorWithData, static_cast<const void*>(s.memory), static_cast<void*>(pixels.data()),
                 pixels.size(), &shape[0], std::size_t{3}, kUint8, &image));
  const char* input = "image";
  s.check(s.call(ort::kRun, s.session, static_cast<const void*>(nullptr), &input, &image, std::size_t{1}, &kOutputs[0],
                 std::size_t{5}, &found[0]));
  for (int index = 0; index < 5; ++index) {
    const std::size_t bytes = values(s, found[index]) * kBytes[index];
    char* data = nullptr;
    s.check(s.call(ort::kGetTensorMutableData, found[index], reinterpret_cast<void**>(&data)));
    std::ofstream(file + "." + kOutputs[index], std::ios::binary).write(data, static_cast<std::streamsize>(bytes));
    s.release(ort::kReleaseValue, found[index]);
  }
  s.release(ort::kReleaseValue, image);
}

}  // namespace

int main(int, char** arguments) {
  inkport_model model{};
  model.library = arguments[1];
  model.path = arguments[2];
  model.input = "image";
  model.output = "code_points";
  model.threads = 1;
  char error[512] = "";
  std::unique_ptr<Session> session(static_cast<Session*>(ort::open(&model, error, sizeof error)));
  if (!session) {
    std::cerr << error << "\n";
    return 1;
  }
  for (int index = 0; index < std::atoi(arguments[4]); ++index)
    read(*session, std::string(arguments[3]) + "/picture." + std::to_string(index));
  return 0;
}
