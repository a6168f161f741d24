package inkport;

/** Scores of one line before softmax, frame by frame. */
public final class Logits {
  public final int frames;
  public final int classes;
  /** Of length frames x classes. */
  public final float[] values;

  public Logits(int frames, int classes, float[] values) {
    if (frames < 0 || classes < 1 || values.length != (long) frames * classes) {
      throw new InkportException(values.length + " scores for " + frames + " frames of " + classes + " classes");
    }
    this.frames = frames;
    this.classes = classes;
    this.values = values;
  }

  float at(int frame, int label) {
    return values[frame * classes + label];
  }

  /** The label with the highest score, the first of equals. */
  int best(int frame) {
    int best = 0;
    for (int label = 1; label < classes; label++) {
      if (at(frame, label) > at(frame, best)) best = label;
    }
    return best;
  }

  /** Softmax probability of a label, 0..1. */
  float probability(int frame, int label) {
    double peak = at(frame, best(frame));
    double sum = 0;
    for (int other = 0; other < classes; other++) sum += Math.exp(at(frame, other) - peak);
    return (float) (Math.exp(at(frame, label) - peak) / sum);
  }

  /** How far the best score is above the second best. */
  float gap(int frame) {
    float first = Float.NEGATIVE_INFINITY;
    float second = Float.NEGATIVE_INFINITY;
    for (int label = 0; label < classes; label++) {
      float score = at(frame, label);
      if (score > first) {
        second = first;
        first = score;
      } else if (score > second) {
        second = score;
      }
    }
    return first - second;
  }

  /** InkportException if the scores are not what the specification says, or not finite. */
  void check(Spec spec) {
    if (classes != spec.classes()) {
      throw new InkportException(
          "the network gave " + classes + " classes, its specification says " + spec.classes());
    }
    for (float value : values) {
      if (Float.isNaN(value) || Float.isInfinite(value)) {
        throw new InkportException("the network gave values that are not finite");
      }
    }
  }
}
