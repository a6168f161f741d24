package inkport;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** What was read on one line. */
public final class Reading {
  /** In Unicode's normal form C. */
  public final String text;
  /** In reading order. */
  public final List<Symbol> symbols;
  /** Mean of the symbols'; NaN without symbols. */
  public final float confidence;
  /** Smallest difference of the two best scores over all frames, blank ones included. */
  public final float gap;

  private Reading(List<Symbol> symbols, Spec spec, float gap) {
    StringBuilder line = new StringBuilder();
    double sum = 0;
    for (Symbol symbol : symbols) {
      line.appendCodePoint(symbol.codePoint);
      sum += symbol.confidence;
    }
    this.text = line.toString();
    this.symbols = Collections.unmodifiableList(symbols);
    this.confidence = symbols.isEmpty() ? Float.NaN : (float) (sum / symbols.size());
    this.gap = gap;
  }

  /** One symbol that was read. */
  public static final class Symbol {
    /** 1 .. classes - 1. */
    public final int label;
    /** In Unicode. */
    public final int codePoint;
    /** Counted from 0. */
    public final int firstFrame;
    /** Included. */
    public final int lastFrame;
    /** Softmax probability at its best frame, 0..1. */
    public final float confidence;
    /** Smallest difference of the two best scores over its frames. */
    public final float gap;

    Symbol(int label, int codePoint, int firstFrame, int lastFrame, float confidence, float gap) {
      this.label = label;
      this.codePoint = codePoint;
      this.firstFrame = firstFrame;
      this.lastFrame = lastFrame;
      this.confidence = confidence;
      this.gap = gap;
    }

    Symbol until(int frame, float chance, float distance) {
      return new Symbol(
          label, codePoint, firstFrame, frame, Math.max(confidence, chance), Math.min(gap, distance));
    }
  }

  /**
   * Best path of CTC: the best label of each frame, equal neighbours merged, blanks dropped.
   *
   * <p>Source: Graves, Supervised Sequence Labelling with Recurrent Neural Networks (2012), section 7.5.1.
   */
  public static Reading greedy(Logits logits, Spec spec) {
    logits.check(spec);
    List<Symbol> symbols = new ArrayList<>();
    float least = Float.POSITIVE_INFINITY;
    int before = 0;
    for (int frame = 0; frame < logits.frames; frame++) {
      int label = logits.best(frame);
      float gap = logits.gap(frame);
      least = Math.min(least, gap);
      if (label != 0) {
        float chance = logits.probability(frame, label);
        if (label == before) {
          symbols.set(symbols.size() - 1, symbols.get(symbols.size() - 1).until(frame, chance, gap));
        } else {
          symbols.add(new Symbol(label, spec.codePoint(label), frame, frame, chance, gap));
        }
      }
      before = label;
    }
    return new Reading(symbols, spec, least);
  }

  /** The text of labels 1 .. classes - 1. InkportException for any other. */
  public static String textOf(int[] labels, Spec spec) {
    StringBuilder line = new StringBuilder();
    for (int label : labels) line.appendCodePoint(spec.codePoint(label));
    return line.toString();
  }
}
