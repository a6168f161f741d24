// selfTest: which stage is the first that is wrong on this device?
#pragma once

#include <functional>

#include "digest.hpp"
#include "made.hpp"
#include "recogniser.hpp"

namespace inkport {

// The first stage that is wrong; empty if all are right.
struct Fault {
  std::string stage;   // bundle, gray, tensor, ids, confidence or text
  std::string line;    // name of the golden line, of what is made here, or of a file that is not golden/'s
  std::string detail;  // what was found, for a person

  explicit operator bool() const { return !stage.empty(); }
};

// How the application opens an image file: the pixels that it would hand to Recogniser::read.
using OpenFile = std::function<Gray(const std::string& path)>;

// A binary PGM file of 8 bits, as golden/ holds gray and tensors.
inline Gray parse_pgm(const std::string& bytes) {
  std::istringstream in(bytes);
  std::string magic;
  int width = 0, height = 0, most = 0;
  if (!(in >> magic >> width >> height >> most) || magic != "P5" || most != 255 || width < 1 || height < 1)
    throw Error("no binary PGM file of 8 bits");
  const std::size_t at = static_cast<std::size_t>(in.tellg()) + 1;
  const std::size_t size = static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
  if (bytes.size() != at + size) throw Error("a PGM file that is cut off");
  return {width, height, {bytes.begin() + static_cast<std::ptrdiff_t>(at), bytes.end()}};
}

namespace detail {

// Confidences of a wrong softmax are wrong by more than engines differ, which in int8 is a lot.
inline float confidence_tolerance(const Spec& spec) { return spec.precision == "fp32" ? 0.001f : 0.2f; }

inline std::string differs(const Gray& found, const Gray& wanted, int tolerance) {
  if (found.width != wanted.width || found.height != wanted.height)
    return std::to_string(found.width) + " x " + std::to_string(found.height) + " px, expected " +
           std::to_string(wanted.width) + " x " + std::to_string(wanted.height);
  int worst = 0;
  std::size_t count = 0;
  for (std::size_t i = 0; i < found.pixels.size(); ++i) {
    const int difference = std::abs(int(found.pixels[i]) - int(wanted.pixels[i]));
    worst = std::max(worst, difference);
    count += difference > tolerance;
  }
  return count ? std::to_string(count) + " pixels differ, by up to " + std::to_string(worst) + " levels" : "";
}

template <class Value>
std::vector<Value> numbers(const std::string& text) {
  std::istringstream in(text);
  in.imbue(std::locale::classic());
  std::vector<Value> found;
  for (Value value; in >> value;) found.push_back(value);
  return found;
}

// The first file that is another one than the golden values were made with.
inline Fault check_bundle(const std::string& folder, const std::string& golden) {
  std::istringstream rows(read_file(golden + "/digests.txt"));
  for (std::string wanted, name; rows >> wanted >> std::ws && std::getline(rows, name);) {
    const std::string found = sha256(read_file(folder + "/" + name));
    if (found != wanted)
      return {"bundle", name,
              "another file than golden/ was made with: SHA-256 " + found.substr(0, 12) + ", expected " +
                  wanted.substr(0, 12)};
  }
  return {};
}

inline std::string check_stages(const Recogniser& recogniser, const std::string& folder, std::string& stage) {
  const Spec& spec = recogniser.spec();
  const Gray gray = parse_pgm(read_file(folder + "/gray.pgm")), tensor = parse_pgm(read_file(folder + "/tensor.pgm"));
  if (std::string fault = differs(prepare(gray, spec), tensor, 0); !fault.empty()) return fault;
  stage = "ids";
  const Reading reading = greedy(recogniser.run(tensor), spec);
  const auto ids = numbers<int>(read_file(folder + "/ids.txt"));
  if (reading.labels() != ids)
    return std::to_string(reading.symbols.size()) + " labels that are not the " + std::to_string(ids.size()) +
           " expected";
  stage = "confidence";
  const auto confidences = numbers<float>(read_file(folder + "/confidences.txt"));
  for (std::size_t i = 0; i < reading.symbols.size(); ++i)
    if (i >= confidences.size() ||
        !(std::fabs(reading.symbols[i].confidence - confidences[i]) <= confidence_tolerance(spec)))
      return "symbol " + std::to_string(i) + " has confidence " + std::to_string(reading.symbols[i].confidence);
  stage = "text";
  const std::string wanted = read_file(folder + "/text.txt");
  const std::string text = text_of(ids, spec);
  if (text == wanted && reading.text == wanted) return "";
  return "\"" + (text == wanted ? reading.text : text) + "\", expected \"" + wanted + "\"";
}

// The fault whose stage comes before those of all others.
struct FirstFault {
  Fault fault;

  // Runs a check that begins with `stage`, and names in it the one that it has come to, where that can be the first.
  template <class Check>
  void note(const std::string& line, std::string stage, Check check) {
    if (place(stage) >= place(fault.stage)) return;
    std::string detail;
    try {
      detail = check(stage);
    } catch (const std::exception& error) {
      detail = error.what();
    }
    if (!detail.empty() && place(stage) < place(fault.stage)) fault = {stage, line, detail};
  }

 private:
  // No stage comes last.
  static std::ptrdiff_t place(const std::string& stage) {
    static const std::array<const char*, 4> order{"tensor", "ids", "confidence", "text"};
    return std::find(order.begin(), order.end(), stage) - order.begin();
  }
};

}  // namespace detail

// Compare this device, stage by stage, with a bundle's folder golden/. Each stage is given the golden values of the
// one before, so that the stage named is the one at fault. What golden lines cannot show is made here: every level of
// gray, every label, and lines that are as narrow as can be, or refused. Always greedy, whatever language model is used.
//   open            the application's own way from a file to gray; without one, files are not tested
//   jpeg_tolerance  levels by which gray of a JPEG file may differ: 0 with libjpeg-turbo, 1 with other decoders
// Model and specification have to be those that golden/ was made with.
// Throws Error if golden/, or one of these, cannot be read.
inline Fault self_test(const Recogniser& recogniser, const std::string& golden, const OpenFile& open = nullptr,
                       int jpeg_tolerance = 0) {
  if (Fault other = detail::check_bundle(recogniser.folder(), golden)) return other;
  std::istringstream names(read_file(golden + "/lines.txt"));
  std::vector<std::pair<std::string, std::string>> lines;
  for (std::string row; std::getline(names, row);) {
    const auto tab = row.find('\t');
    if (tab == std::string::npos) throw Error(golden + "/lines.txt: a row without a file");
    lines.emplace_back(row.substr(0, tab), row.substr(tab + 1, row.find('\t', tab + 1) - tab - 1));
  }
  if (lines.empty()) throw Error(golden + "/lines.txt: no lines");
  // All files first: "gray" is the first stage, whichever line shows that it is wrong.
  for (const auto& [name, file] : lines) {
    if (!open) break;
    const std::string folder = golden + "/" + name + "/";
    const bool jpeg = file.size() > 4 && file.substr(file.size() - 4) == ".jpg";
    std::string fault;
    try {
      fault = detail::differs(open(folder + file), parse_pgm(read_file(folder + "gray.pgm")), jpeg ? jpeg_tolerance : 0);
    } catch (const std::exception& error) {
      fault = error.what();
    }
    if (!fault.empty()) return {"gray", name, file + ": " + fault};
  }
  const Spec& spec = recogniser.spec();
  detail::FirstFault first;
  for (const auto& line : lines) {
    const std::string folder = golden + "/" + line.first;
    first.note(line.first, "tensor",
               [&](std::string& stage) { return detail::check_stages(recogniser, folder, stage); });
  }
  first.note("every-level", "tensor", [&](std::string&) { return detail::check_levels(spec); });
  first.note("limits", "tensor", [&](std::string&) { return detail::check_limits(spec); });
  for (const char* stage : {"ids", "confidence", "text"})
    first.note("every-label", stage, [&](const std::string& wanted) { return detail::check_labels(wanted, spec); });
  return first.fault;
}

}  // namespace inkport
