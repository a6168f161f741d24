package inkport;

/** Decoding of scores that are made here, for every label: exact on every engine, unlike golden lines in int8. */
final class Labels {
  /** Score of the label in each frame, over 0 of all others; where all are equal, the first, the blank, counts. */
  private static final float[] SCORES = {2, 6, 4, 0, 3};
  /** Added to all scores of a frame, which changes no probability: a softmax that forgets the peak overflows. */
  private static final float[] LIFTS = {0, 1000, -1000, -2000, 2000};
  /** First and last frame of the two symbols that these are, their best and their least score. */
  private static final int[][] RUNS = {{0, 2, 6, 2}, {4, 4, 3, 3}};
  /** float32 against exact values of 0..1. */
  private static final double TOLERANCE = 1e-5;

  private Labels() {}

  static String check(String stage, Spec spec) {
    for (int label = 1; label < spec.classes(); label++) {
      Reading reading = Reading.greedy(logits(label, spec.classes()), spec);
      String fault = stage.equals("ids")
          ? checkIds(reading, label)
          : stage.equals("confidence") ? checkConfidence(reading, label, spec) : checkText(reading, label, spec);
      if (!fault.isEmpty()) return fault;
    }
    return "";
  }

  private static Logits logits(int label, int classes) {
    float[] values = new float[SCORES.length * classes];
    for (int frame = 0; frame < SCORES.length; frame++) {
      for (int other = 0; other < classes; other++) {
        values[frame * classes + other] = LIFTS[frame] + (other == label ? SCORES[frame] : 0);
      }
    }
    return new Logits(SCORES.length, classes, values);
  }

  private static String checkIds(Reading reading, int label) {
    boolean same = reading.symbols.size() == RUNS.length;
    for (int i = 0; same && i < RUNS.length; i++) {
      Reading.Symbol symbol = reading.symbols.get(i);
      same = symbol.label == label && symbol.firstFrame == RUNS[i][0] && symbol.lastFrame == RUNS[i][1];
    }
    return same ? "" : "label " + label + " is decoded as others, or in other frames";
  }

  private static String checkConfidence(Reading reading, int label, Spec spec) {
    double sum = 0;
    for (int i = 0; i < RUNS.length; i++) {
      Reading.Symbol symbol = reading.symbols.get(i);
      double wanted = 1 / (1 + (spec.classes() - 1) * Math.exp(-RUNS[i][2]));
      sum += wanted;
      if (!(Math.abs(symbol.confidence - wanted) <= TOLERANCE) || symbol.gap != RUNS[i][3]) {
        return "label " + label + " has confidence " + symbol.confidence + " and gap " + symbol.gap + ", expected "
            + wanted + " and " + RUNS[i][3];
      }
    }
    if (!(Math.abs(reading.confidence - sum / RUNS.length) <= TOLERANCE) || reading.gap != 0) {
      return "the line has confidence " + reading.confidence + " and gap " + reading.gap + ", expected "
          + sum / RUNS.length + " and 0";
    }
    return "";
  }

  /** The text has the symbol twice, whatever number of UTF-16 units or bytes it takes. */
  private static String checkText(Reading reading, int label, Spec spec) {
    String text = reading.text;
    int point = spec.codePoint(label);
    int units = Character.charCount(point);
    boolean same = text.length() == 2 * units && text.codePointAt(0) == point && text.codePointAt(units) == point;
    return same ? "" : "label " + label + " became \"" + text + "\", expected code point " + point + " twice";
  }
}
