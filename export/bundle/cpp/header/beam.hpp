// CTC prefix beam search with a character language model (shallow fusion); the same texts as inkport.core.beam.
// Source: Graves and Jaitly, Towards End-to-End Speech Recognition with Recurrent Neural Networks (2014).
#pragma once

#include <deque>

#include "lm.hpp"

namespace inkport {
namespace detail {

constexpr float kLeastProbability = 5e-3f;  // symbols below this are not tried at a frame
constexpr std::size_t kMostSymbols = 8;     // most symbols tried at a frame
constexpr double kThreshold = 4.2;          // prefixes this far below the best one are dropped, in nats
constexpr double kSmall = 1e-100, kLarge = 1e100;

// A text so far: the sums over its paths that end in a blank, and in its last symbol, times its bonus.
struct Prefix {
  Prefix* parent;
  int label;
  double factor;
  int state;
  std::vector<std::pair<int, Prefix*>> children = {};
  double blank = 0, symbol = 0, total = 0, new_blank = 0, new_symbol = 0;
  int frame = -1;
};

struct Candidate {
  int label;
  double probability;
};

class Beam {
 public:
  Beam(const LanguageModel& model, const Spec& spec)
      : model_(model), spec_(spec), ratio_(std::exp(-kThreshold)), most_(std::exp(model.beta)) {}

  std::vector<int> search(const Logits& logits) {
    prefixes_.clear();
    prefixes_.push_back({nullptr, 0, 1.0, model_.start()});
    Prefix* root = &prefixes_.back();
    root->blank = root->total = 1.0;
    std::vector<Prefix*> beam{root};
    for (int t = 0; t < logits.frames; ++t) {
      double blank = 0;
      const auto candidates = frame(logits.row(t), logits.classes, blank);
      if (!candidates.empty()) {
        double peak = stay(beam, t, blank, candidates);
        extend(beam, t, peak, candidates);
        keep(beam);
      } else {
        // Only a blank: it comes after every prefix alike.
        for (Prefix* prefix : beam) {
          prefix->blank = prefix->total;
          prefix->symbol = 0;
        }
      }
    }
    const Prefix* best = nullptr;
    double most = -1;
    for (const Prefix* prefix : beam) {
      const double value = prefix->total * weight(model_.end(prefix->state));
      if (value > most) {
        most = value;
        best = prefix;
      }
    }
    std::vector<int> labels;
    for (const Prefix* node = best; node && node->parent; node = node->parent) labels.push_back(node->label);
    std::reverse(labels.begin(), labels.end());
    return labels;
  }

 private:
  const LanguageModel& model_;
  const Spec& spec_;
  const double ratio_, most_;
  std::deque<Prefix> prefixes_;  // addresses stay

  // The labels to try at a frame, the most probable first, and the blank's probability.
  static std::vector<Candidate> frame(const float* row, int classes, double& blank) {
    const float peak = *std::max_element(row, row + classes);
    std::vector<float> values(static_cast<std::size_t>(classes));
    float sum = 0;
    for (int k = 0; k < classes; ++k) sum += values[k] = std::exp(row[k] - peak);
    std::vector<Candidate> found;
    for (int k = 0; k < classes; ++k) values[k] /= sum;
    for (int k = 1; k < classes; ++k)
      if (values[k] > kLeastProbability) found.push_back({k, values[k]});
    blank = values[0];
    std::stable_sort(found.begin(), found.end(),
                     [](const Candidate& a, const Candidate& b) { return a.probability > b.probability; });
    if (found.size() > kMostSymbols) found.resize(kMostSymbols);
    return found;
  }

  double weight(double log_prob) const { return std::exp(model_.alpha * std::min(log_prob, 0.0)); }

  // What a symbol after a state multiplies a score by; the state becomes the one after it.
  double bonus(int& state, int label) const {
    if (model_.alpha == 0) return most_;
    const double value = model_.step(state, spec_.symbols[label - 1]);
    return most_ * weight(value);
  }

  // Add the paths on which a prefix stays as it is, and return the largest such sum.
  static double stay(const std::vector<Prefix*>& beam, int frame, double blank,
                     const std::vector<Candidate>& candidates) {
    double peak = 0;
    for (Prefix* prefix : beam) {
      prefix->frame = frame;
      prefix->new_blank = prefix->total * blank;
      prefix->new_symbol = 0;
      for (const Candidate& candidate : candidates)
        if (candidate.label == prefix->label) prefix->new_symbol = prefix->symbol * candidate.probability;
      peak = std::max(peak, prefix->new_blank + prefix->new_symbol);
    }
    return peak;
  }

  // Add each symbol to each prefix where the result can come near the best.
  void extend(std::vector<Prefix*>& beam, int frame, double peak, const std::vector<Candidate>& candidates) {
    double limit = peak * ratio_;
    const std::size_t before = beam.size();
    for (std::size_t b = 0; b < before; ++b) {
      Prefix* prefix = beam[b];
      for (const Candidate& candidate : candidates) {
        double mass = prefix->total * candidate.probability;
        // The language model can only lower a score.
        if (mass * most_ <= limit) break;
        // The same symbol once more needs a blank between.
        if (candidate.label == prefix->label) mass = prefix->blank * candidate.probability;
        Prefix* child = nullptr;
        for (const auto& known : prefix->children)
          if (known.first == candidate.label) child = known.second;
        int state = child ? child->state : prefix->state;
        const double factor = child ? child->factor : bonus(state, candidate.label);
        mass *= factor;
        if (child && child->frame == frame) {
          child->new_symbol += mass;
        } else {
          if (mass <= limit) continue;
          if (!child) {
            prefixes_.push_back({prefix, candidate.label, factor, state});
            child = &prefixes_.back();
            prefix->children.emplace_back(candidate.label, child);
          }
          child->frame = frame;
          child->new_blank = 0;
          child->new_symbol = mass;
          beam.push_back(child);
        }
        if (mass > peak) {
          peak = mass;
          limit = mass * ratio_;
        }
      }
    }
  }

  // Take over the frame's sums and keep the best prefixes, in order.
  void keep(std::vector<Prefix*>& touched) const {
    for (Prefix* prefix : touched) prefix->total = prefix->new_blank + prefix->new_symbol;
    std::stable_sort(touched.begin(), touched.end(),
                     [](const Prefix* a, const Prefix* b) { return a->total > b->total; });
    const double peak = touched[0]->total, limit = peak * ratio_;
    std::vector<Prefix*> kept;
    std::map<std::pair<int, int>, double> blanks;
    for (Prefix* prefix : touched) {
      if (!kept.empty() && (prefix->total <= limit || kept.size() == static_cast<std::size_t>(model_.beam))) break;
      if (model_.alpha > 0) {
        // What follows rates prefixes of one state and last symbol alike: the lesser one of both sums cannot win.
        const auto [known, added] = blanks.try_emplace({prefix->state, prefix->label}, prefix->new_blank);
        if (!added && known->second >= prefix->new_blank) continue;
        known->second = prefix->new_blank;
      }
      kept.push_back(prefix);
    }
    // Only ratios count, so that long lines need not run out of numbers.
    const bool fine = kSmall < peak && peak < kLarge;
    const double scale = fine ? 1.0 : 1.0 / std::max(peak, std::numeric_limits<double>::min());
    for (Prefix* prefix : kept) {
      prefix->blank = prefix->new_blank * scale;
      prefix->symbol = prefix->new_symbol * scale;
      prefix->total *= scale;
    }
    touched = std::move(kept);
  }
};

// The best path of a text through a line's frames, as places of "blank, l1, blank, l2, ..., blank".
// Source: Graves et al., Connectionist Temporal Classification (2006): the recursion with maxima for sums.
inline std::vector<int> best_places(const Logits& logits, const std::vector<int>& places) {
  constexpr double kNever = -std::numeric_limits<double>::infinity();
  const int count = static_cast<int>(places.size());
  auto may_jump = [&](int s) { return s >= 2 && places[s] != 0 && places[s] != places[s - 2]; };
  std::vector<std::vector<double>> scores(logits.frames, std::vector<double>(count, kNever));
  for (int t = 0; t < logits.frames; ++t)
    for (int s = 0; s < count; ++s) {
      double best = t ? scores[t - 1][s] : (s < 2 ? 0.0 : kNever);
      if (t && s >= 1) best = std::max(best, scores[t - 1][s - 1]);
      if (t && may_jump(s)) best = std::max(best, scores[t - 1][s - 2]);
      scores[t][s] = best + logits.row(t)[places[s]];
    }
  int place = count - 1;
  if (place && scores.back()[place - 1] > scores.back()[place]) --place;
  std::vector<int> path{place};
  for (int t = logits.frames - 2; t >= 0; --t) {
    const double stay = scores[t][place], step = place >= 1 ? scores[t][place - 1] : kNever;
    const double leap = may_jump(place) ? scores[t][place - 2] : kNever;
    if (step > stay || leap > stay) place -= step >= leap ? 1 : 2;
    path.push_back(place);
  }
  std::reverse(path.begin(), path.end());
  return path;
}

inline Reading align(const Logits& logits, const std::vector<int>& labels, const Spec& spec) {
  std::vector<int> places(2 * labels.size() + 1, 0);
  for (std::size_t i = 0; i < labels.size(); ++i) places[2 * i + 1] = labels[i];
  const std::vector<int> route = best_places(logits, places);
  std::vector<int> path;
  std::vector<bool> starts;
  for (std::size_t t = 0; t < route.size(); ++t) {
    path.push_back(places[route[t]]);
    starts.push_back(t == 0 || route[t] != route[t - 1]);
  }
  return transcribe(logits, path, starts, spec);
}

}  // namespace detail

// The text that maximises log p(text | image) + alpha log p(text) + beta length.
inline Reading beam_search(const Logits& logits, const Spec& spec, const LanguageModel& model) {
  detail::check(logits, spec);
  if (model.charset_sha256 != spec.charset_sha256)
    throw Error("the language model was built for another charset than the recogniser's");
  Reading plain = greedy(logits, spec);
  if (logits.frames == 0) return plain;
  const std::vector<int> labels = detail::Beam(model, spec).search(logits);
  // The best path of a text that greedy decoding reads is greedy's own.
  return labels == plain.labels() ? plain : detail::align(logits, labels, spec);
}

}  // namespace inkport
