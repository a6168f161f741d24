package inkport;

import java.util.Arrays;

/** Preparation by triangle-v2: from gray to the network's input, in integers, the same bytes on every platform. */
public final class Prepare {
  /** S of triangle-v2: weights are multiples of 2^-S. */
  private static final int WEIGHT_BITS = 11;
  /** Fewer pixels than this, either way, hold no line of text. */
  private static final int MIN_SIDE = 8;
  /** triangle-v2 is defined for sides up to this, in pixels. */
  private static final int MAX_SIDE = 1 << 15;

  private Prepare() {}

  /**
   * The network's input as bytes: height first, rounded, then width; padded on the right with the background.
   *
   * @throws InkportException if the image is too small to hold a line of text, or longer than the network takes
   */
  public static Gray prepare(Gray image, Spec spec) {
    if (image.width < MIN_SIDE || image.height < MIN_SIDE) {
      throw new InkportException("the image is " + image.width + " x " + image.height
          + " px, a line of text needs at least " + MIN_SIDE + " px each way");
    }
    if (image.width > MAX_SIDE || image.height > MAX_SIDE) {
      throw new InkportException("the image has more than " + MAX_SIDE + " px on a side: make it smaller");
    }
    int content = contentWidth(image, spec);
    if (content < MIN_SIDE) {
      throw new InkportException("the image is so narrow that " + content
          + " px are left at the network's height: its text must run from left to right");
    }
    int multiple = spec.widthMultiple;
    int padded = (Math.max(content, spec.minWidth) + multiple - 1) / multiple * multiple;
    if (padded > spec.maxWidth) {
      throw new InkportException("the line is " + content + " px wide at the network's height, at most "
          + spec.maxWidth + " are taken: cut it into shorter lines");
    }
    byte[] out = new byte[padded * spec.height];
    Arrays.fill(out, (byte) spec.background);
    resampleWidth(resampleHeight(image, spec.height), content, out, padded);
    return new Gray(padded, spec.height, out);
  }

  /** Width of an image's content at the network's height, rounded. */
  private static int contentWidth(Gray image, Spec spec) {
    long width = image.width;
    return (int) Math.max(1, (2 * width * spec.height + image.height) / (2L * image.height));
  }

  private static Gray resampleHeight(Gray image, int height) {
    byte[] out = new byte[image.width * height];
    int[] sums = new int[image.width];
    for (int y = 0; y < height; y++) {
      Taps taps = new Taps(image.height, height, y);
      Arrays.fill(sums, 0);
      for (int k = 0; k < taps.weights.length; k++) {
        int row = (taps.first + k) * image.width;
        for (int x = 0; x < image.width; x++) sums[x] += taps.weights[k] * (image.pixels[row + x] & 255);
      }
      for (int x = 0; x < image.width; x++) out[y * image.width + x] = rounded(sums[x]);
    }
    return new Gray(image.width, height, out);
  }

  private static void resampleWidth(Gray image, int width, byte[] out, int outWidth) {
    for (int x = 0; x < width; x++) {
      Taps taps = new Taps(image.width, width, x);
      for (int y = 0; y < image.height; y++) {
        int sum = 0;
        for (int k = 0; k < taps.weights.length; k++) sum += taps.weights[k] * image.at(taps.first + k, y);
        out[y * outWidth + x] = rounded(sum);
      }
    }
  }

  private static byte rounded(int sum) {
    return (byte) Math.min(255, (sum + (1 << (WEIGHT_BITS - 1))) >> WEIGHT_BITS);
  }

  /** The source samples that target sample j is made of, and their weights, which add up to about 2^S. */
  private static final class Taps {
    final int first;
    final int[] weights;

    /** N_ij = max(0, 2 max(n, m) - |(2i + 1) m - (2j + 1) n|); w_ij = round(2^S N_ij / sum_i N_ij), halves upwards. */
    Taps(long n, long m, long j) {
      long reach = 2 * Math.max(n, m);
      long centre = (2 * j + 1) * n;
      // The first i with (2i + 1) m > centre - reach, and the first after it with (2i + 1) m >= centre + reach.
      long low = Math.max(0, (centre - reach - m) / (2 * m));
      while (reach <= Math.abs((2 * low + 1) * m - centre)) low++;
      long high = low;
      long total = 0;
      while (high < n && reach > Math.abs((2 * high + 1) * m - centre)) {
        total += reach - Math.abs((2 * high + 1) * m - centre);
        high++;
      }
      first = (int) low;
      weights = new int[(int) (high - low)];
      for (int k = 0; k < weights.length; k++) {
        long share = reach - Math.abs((2 * (low + k) + 1) * m - centre);
        weights[k] = (int) (((share << (WEIGHT_BITS + 1)) + total) / (2 * total));
      }
    }
  }

  /** The same as float32 (1, 1, height, width), which is what the engine is given. */
  public static float[] normalise(Gray tensor, Spec spec) {
    float[] values = new float[tensor.pixels.length];
    for (int i = 0; i < values.length; i++) {
      values[i] = ((tensor.pixels[i] & 255) / 255.0f - spec.mean) / spec.std;
    }
    return values;
  }
}
