package inkport;

import java.util.HashMap;
import java.util.Map;

/** The content of specification.txt: what a model takes and gives, and what its labels mean. */
public final class Spec {
  /** Version of the specification and of golden/ that these classes read. */
  public static final int FORMAT = 1;

  /** Of the network, for example convtext-tiny. */
  public final String name;
  /** Of the weights. */
  public final String version;
  /** fp32, int8, ... */
  public final String precision;
  /** The model's file in the bundle. */
  public final String model;
  /** Digest of the symbols. */
  public final String charsetSha256;
  /** Names of the network's tensors. */
  public final String input;
  public final String output;
  /** Of the network's input, in pixels. */
  public final int height;
  /** Padded widths, in pixels, are multiples of widthMultiple, from minWidth to maxWidth; longer lines are refused. */
  public final int widthMultiple;
  public final int minWidth;
  public final int maxWidth;
  /** Gray value of the padding, 0 black .. 255 white. */
  public final int background;
  /** Input columns per frame. */
  public final int stride;
  /** The network's input is (gray / 255 - mean) / std. */
  public final float mean;
  public final float std;

  /** Unicode code points; symbols[i] has label i + 1, label 0 is the CTC blank. */
  private final int[] symbols;

  /**
   * @param text content of specification.txt
   * @throws InkportException where a value is missing, unknown or out of range
   */
  public Spec(String text) {
    Map<String, String> values = pairs(text);
    if (whole(values, "format", 1, 1000000) != FORMAT) {
      throw new InkportException("specification: not format " + FORMAT
          + ", the only one that these classes read: take classes and model from one bundle");
    }
    String resampling = take(values, "resampling");
    if (!resampling.equals("triangle-v2")) {
      throw new InkportException("specification: resampling " + resampling + ", expected triangle-v2");
    }
    name = take(values, "name");
    version = take(values, "version");
    precision = take(values, "precision");
    model = take(values, "model");
    charsetSha256 = take(values, "charset_sha256");
    input = take(values, "input");
    output = take(values, "output");
    height = whole(values, "height", 1, 4096);
    widthMultiple = whole(values, "width_multiple", 1, 65536);
    minWidth = whole(values, "min_width", 1, 1000000);
    maxWidth = whole(values, "max_width", minWidth, 1000000);
    background = whole(values, "background", 0, 255);
    stride = whole(values, "stride", 1, widthMultiple);
    mean = real(values, "mean");
    std = real(values, "std");
    if (!(std > 0) || widthMultiple % stride != 0 || minWidth % widthMultiple != 0 || maxWidth % widthMultiple != 0) {
      throw new InkportException("specification: std is not above 0, or widths and stride do not fit one another");
    }
    String[] points = take(values, "symbols").split(" ");
    symbols = new int[points.length];
    for (int i = 0; i < points.length; i++) symbols[i] = number("symbols", points[i], 1, Character.MAX_CODE_POINT);
    if (!values.isEmpty()) {
      String key = values.keySet().iterator().next();
      throw new InkportException("specification: " + key + " is not known to these classes");
    }
  }

  /** Number of labels, the blank among them. */
  public int classes() {
    return symbols.length + 1;
  }

  /** The Unicode code point of a label 1 .. classes - 1. InkportException for any other. */
  public int codePoint(int label) {
    if (label < 1 || label > symbols.length) throw new InkportException("label " + label + " has no symbol");
    return symbols[label - 1];
  }

  private static Map<String, String> pairs(String text) {
    Map<String, String> found = new HashMap<>();
    for (String row : text.split("\n")) {
      String line = row.trim();
      if (line.isEmpty() || line.startsWith("#")) continue;
      int at = line.indexOf('=');
      if (at < 0) throw new InkportException("specification: a line without '=': " + line);
      String key = line.substring(0, at).trim();
      if (found.put(key, line.substring(at + 1).trim()) != null) {
        throw new InkportException("specification: two lines for " + key);
      }
    }
    return found;
  }

  private static String take(Map<String, String> values, String key) {
    String value = values.remove(key);
    if (value == null) throw new InkportException("specification: no value for " + key);
    return value;
  }

  private static int whole(Map<String, String> values, String key, int least, int most) {
    return number(key, take(values, key), least, most);
  }

  private static int number(String key, String text, int least, int most) {
    try {
      int value = Integer.parseInt(text);
      if (value >= least && value <= most) return value;
    } catch (NumberFormatException error) {
      // Said below, with the range.
    }
    throw new InkportException(
        "specification: " + key + " = " + text + ", expected a whole number from " + least + " to " + most);
  }

  private static float real(Map<String, String> values, String key) {
    String text = take(values, key);
    try {
      return Float.parseFloat(text);
    } catch (NumberFormatException error) {
      throw new InkportException("specification: " + key + " = " + text + ", expected a number");
    }
  }
}
