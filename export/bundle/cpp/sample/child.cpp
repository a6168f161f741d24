// The child protocol of inkport (docs/child-protocol.md there) over inkport.hpp: with it `inkport verify` and
// `inkport kit run --runner` read through the application's own code.
#include <chrono>
#include <cstdio>
#include <iostream>

#include "files.hpp"
#include "inkport.hpp"
#include "json.hpp"
#include INKPORT_ENGINE_HEADER

namespace {

using sample::Json;

// An error of a kind that the protocol names.
struct Refusal : inkport::Error {
  std::string kind;
  Refusal(std::string kind, const std::string& message) : Error(message), kind(std::move(kind)) {}
};

// The library to load: an option of `open`, or this variable where hello asks for the version.
std::string usual_library() {
  const char* found = std::getenv("INKPORT_ENGINE_LIBRARY");
  return found ? found : "";
}

// The specification as the artifact's sidecar holds it.
inkport::Spec spec_of(const Json& sidecar) {
  const Json &spec = sidecar.at("spec"), &prepare = spec.at("preprocess");
  auto whole = [](const Json& value) { return static_cast<int>(value.number); };
  inkport::Spec out;
  out.name = spec.at("name").text;
  out.version = spec.at("version").text;
  out.precision = sidecar.at("precision").text;
  out.charset_sha256 = spec.at("charset").at("digest").text;
  out.input = spec.at("input").at("name").text;
  out.output = spec.at("output").at("name").text;
  out.height = whole(prepare.at("height"));
  out.width_multiple = whole(prepare.at("width_multiple"));
  out.min_width = whole(prepare.at("min_width"));
  out.max_width = whole(prepare.at("max_width"));
  out.background = static_cast<int>(std::floor(255 * prepare.at("background").number + 0.5));
  out.stride = whole(spec.at("stride"));
  out.mean = static_cast<float>(prepare.at("mean").number);
  out.std = static_cast<float>(prepare.at("std").number);
  const std::string& text = spec.at("charset").at("symbols").text;
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const int more = lead < 0x80 ? 0 : lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
    char32_t point = more ? lead & (0x3F >> more) : lead;
    for (int k = 1; k <= more; ++k) point = point << 6 | (static_cast<unsigned char>(text.at(i + k)) & 0x3F);
    out.symbols.push_back(point);
    i += 1 + static_cast<std::size_t>(more);
  }
  return out;
}

std::vector<float> read_floats(const std::string& path) {
  const std::string bytes = inkport::read_file(path);
  std::vector<float> values(bytes.size() / 4);
  std::memcpy(values.data(), bytes.data(), 4 * values.size());
  return values;
}

template <class Value>
void write_values(const std::string& path, const std::vector<Value>& values) {
  std::ofstream out(path, std::ios::binary);
  out.write(reinterpret_cast<const char*>(values.data()), static_cast<std::streamsize>(sizeof(Value) * values.size()));
  if (!out.flush()) throw inkport::Error(path + ": cannot be written");
}

std::string shape_of(int a, int b) { return std::to_string(a) + "," + std::to_string(b); }

class Child {
 public:
  // The fields of the answer, each with a comma before it.
  std::string answer(const Json& request) {
    const std::string& op = request.at("op").text;
    if (op == "hello") return hello();
    if (op == "open") return open(request);
    if (op == "run") return run(request);
    if (op == "read") return read(request);
    if (op == "close") return "";
    throw Refusal("usage", "operation " + op + " is not known");
  }

 private:
  std::unique_ptr<inkport::Recogniser> recogniser_;
  std::string resampling_;

  static std::string hello() {
    std::string version;
    try {
      version = inkport::engine_version(usual_library().empty() ? nullptr : usual_library().c_str());
    } catch (const inkport::Error& error) {
      throw Refusal("unavailable", error.what());
    }
    return ",\"protocol\":1,\"engine\":" + sample::quoted(std::string("inkport.hpp with ") + inkport::engine().name) +
           ",\"version\":" + sample::quoted(version) +
           ",\"start\":\"image\",\"shows\":[\"gray\",\"tensor\",\"logits\",\"text\"]";
  }

  std::string open(const Json& request) {
    if (request.at("device").text != "cpu") throw Refusal("unavailable", "it runs on cpu only");
    if (!request.at("options").object.empty())
      throw Refusal("usage", "option " + request.at("options").object.begin()->first + " is not known");
    const int threads = static_cast<int>(request.at("threads").number);
    try {
      const Json sidecar = sample::JsonParser(inkport::read_file(request.at("recogniser").text)).parse();
      inkport::Spec spec = spec_of(sidecar);
      resampling_ = sidecar.at("spec").at("preprocess").at("resampling").text;
      const std::string& model = request.at("model").text;
      const auto slash = model.find_last_of("/\\");
      spec.model = model.substr(slash + 1);
      recogniser_ = std::make_unique<inkport::Recogniser>(spec, model.substr(0, slash), inkport::engine(), threads,
                                                          usual_library());
    } catch (const inkport::Error& error) {
      throw Refusal("model", error.what());
    }
    return ",\"threads\":" + std::to_string(threads);
  }

  std::string run(const Json& request) {
    const auto& shape = request.at("input").at("shape").array;
    if (!recogniser_ || shape.size() != 4) throw inkport::Error("no model is open, or the input has no four axes");
    const int lines = static_cast<int>(shape[0].number), height = static_cast<int>(shape[2].number);
    const int width = static_cast<int>(shape[3].number);
    const std::vector<float> images = read_floats(request.at("input").at("file").text);
    const std::size_t size = static_cast<std::size_t>(height) * static_cast<std::size_t>(width);
    if (images.size() != size * static_cast<std::size_t>(lines)) throw inkport::Error("the input has another size");
    std::vector<float> all;
    std::chrono::nanoseconds elapsed{0};
    int frames = 0;
    for (int i = 0; i < lines; ++i) {
      const std::vector<float> image(images.begin() + static_cast<std::ptrdiff_t>(size * i),
                                     images.begin() + static_cast<std::ptrdiff_t>(size * (i + 1)));
      const auto start = std::chrono::steady_clock::now();
      const inkport::Logits logits = recogniser_->run(image, height, width);
      elapsed += std::chrono::steady_clock::now() - start;
      frames = logits.frames;
      all.insert(all.end(), logits.values.begin(), logits.values.end());
    }
    write_values(request.at("output").text, all);
    return ",\"shape\":[" + std::to_string(lines) + "," + std::to_string(frames) + "," +
           std::to_string(recogniser_->spec().classes()) + "],\"run_ns\":" + std::to_string(elapsed.count());
  }

  std::string read(const Json& request) {
    if (!recogniser_) throw inkport::Error("no model is open");
    if (resampling_ != "triangle-v2")
      throw Refusal("usage", "the model is prepared for by " + resampling_ + ", inkport.hpp prepares by triangle-v2");
    const inkport::Spec& spec = recogniser_->spec();
    const inkport::Gray gray = sample::parse_image(inkport::read_file(request.at("input").at("file").text));
    const inkport::Gray tensor = inkport::prepare(gray, spec);
    const std::vector<float> values = inkport::normalise(tensor, spec);
    const auto start = std::chrono::steady_clock::now();
    const inkport::Logits logits = recogniser_->run(values, tensor.height, tensor.width);
    const std::chrono::nanoseconds elapsed = std::chrono::steady_clock::now() - start;
    std::string shapes;
    for (const auto& [stage, file] : request.at("outputs").object) {
      std::string shape;
      if (stage == "gray") {
        write_values(file.text, gray.pixels);
        shape = shape_of(gray.height, gray.width);
      } else if (stage == "tensor") {
        write_values(file.text, tensor.pixels);
        shape = "1,1," + shape_of(tensor.height, tensor.width);
      } else {
        write_values(file.text, logits.values);
        shape = "1," + shape_of(logits.frames, logits.classes);
      }
      shapes += (shapes.empty() ? "" : ",") + sample::quoted(stage) + ":[" + shape + "]";
    }
    return ",\"shapes\":{" + shapes + "},\"text\":" + sample::quoted(recogniser_->decode(logits).text) +
           ",\"run_ns\":" + std::to_string(elapsed.count());
  }
};

std::string respond(Child& child, const std::string& line, bool& closed) {
  std::string id = "0";
  try {
    const Json request = sample::JsonParser(line).parse();
    id = std::to_string(static_cast<long long>(request.at("id").number));
    closed = request.at("op").text == "close";
    return "{\"id\":" + id + ",\"ok\":true" + child.answer(request) + "}";
  } catch (const std::exception& error) {
    const auto* refusal = dynamic_cast<const Refusal*>(&error);
    return "{\"id\":" + id + ",\"ok\":false,\"error\":{\"kind\":" + sample::quoted(refusal ? refusal->kind : "failed") +
           ",\"message\":" + sample::quoted(error.what()) + "}}";
  }
}

}  // namespace

int main() {
  Child child;
  bool closed = false;
  for (std::string line; !closed && std::getline(std::cin, line);)
    std::cout << respond(child, line, closed) << std::endl;
}
