package inkport;

/** How a PNG file holds colours (section 6.1 of the specification), and their gray. */
final class PngColour {
  private static final int GRAY = 0;
  private static final int RGB = 2;
  private static final int PALETTE = 3;
  private static final int GRAY_ALPHA = 4;
  private static final int RGB_ALPHA = 6;

  private final int type;
  private final int depth;
  private final int channels;
  /** Red, green and blue of each entry; null without one. */
  byte[] palette;
  /** What is transparent: alphas of the palette, or one colour in 16 bits for each channel; null if nothing is. */
  byte[] clear;

  PngColour(int type, int depth) {
    boolean whole = depth == 8 || depth == 16;
    boolean part = depth == 1 || depth == 2 || depth == 4;
    boolean fits = type == RGB || type == GRAY_ALPHA || type == RGB_ALPHA
        ? whole
        : type == GRAY ? whole || part : type == PALETTE && (part || depth == 8);
    if (!fits) throw new InkportException("PNG: the header is damaged");
    this.type = type;
    this.depth = depth;
    this.channels = type == RGB ? 3 : type == GRAY_ALPHA ? 2 : type == RGB_ALPHA ? 4 : 1;
  }

  void check() {
    if (type == PALETTE && palette == null) throw new InkportException("PNG: no palette");
    if (clear != null && clear.length < (type == RGB ? 6 : type == GRAY ? 2 : 0)) {
      throw new InkportException("PNG: chunk tRNS is damaged");
    }
  }

  /** Bytes of so many pixels of a row. */
  int bytes(int columns) {
    return (int) (((long) columns * channels * depth + 7) / 8);
  }

  /** Bytes of one pixel, at least 1. */
  int pixelBytes() {
    return Math.max(1, channels * depth / 8);
  }

  /** 0 black .. 255 white of the pixel x of a row: 16 bits of gray are rounded, of colour the high byte counts. */
  int gray(byte[] row, int x) {
    int at = x * channels;
    if (type == GRAY) return level(sample(row, at));
    if (type == PALETTE) return entry(sample(row, at));
    int first = sample(row, at);
    if (type == GRAY_ALPHA) return Gray.onWhite(high(first), high(sample(row, at + 1)));
    int green = sample(row, at + 1);
    int blue = sample(row, at + 2);
    if (type == RGB) {
      boolean hidden = clear != null && first == clearAt(0) && green == clearAt(2) && blue == clearAt(4);
      return hidden ? 255 : Gray.luma(high(first), high(green), high(blue));
    }
    int alpha = high(sample(row, at + 3));
    return Gray.luma(
        Gray.onWhite(high(first), alpha), Gray.onWhite(high(green), alpha), Gray.onWhite(high(blue), alpha));
  }

  private int level(int value) {
    if (clear != null && value == clearAt(0)) return 255;
    int most = (1 << depth) - 1;
    return (value * 510 + most) / (2 * most);
  }

  private int entry(int index) {
    int alpha = clear != null && index < clear.length ? clear[index] & 255 : 255;
    int at = 3 * index;
    return Gray.luma(channel(at, alpha), channel(at + 1, alpha), channel(at + 2, alpha));
  }

  private int channel(int at, int alpha) {
    return Gray.onWhite(at < palette.length ? palette[at] & 255 : 0, alpha);
  }

  /** The i-th sample of a row, as the file holds it. */
  private int sample(byte[] row, int i) {
    if (depth == 8) return row[i] & 255;
    if (depth == 16) return (row[2 * i] & 255) << 8 | row[2 * i + 1] & 255;
    int bit = i * depth;
    return (row[bit >> 3] & 255) >> (8 - depth - (bit & 7)) & ((1 << depth) - 1);
  }

  private int clearAt(int at) {
    return (clear[at] & 255) << 8 | clear[at + 1] & 255;
  }

  private int high(int value) {
    return depth == 16 ? value >> 8 : value;
  }
}
