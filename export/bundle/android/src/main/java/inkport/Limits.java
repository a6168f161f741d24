package inkport;

/** The narrowest line and those that are refused, which no golden line is. */
final class Limits {
  /** In pixels; less is no line of text. */
  private static final int SIDE = 8;

  private Limits() {}

  static String check(Spec spec) {
    String fault = checkNarrowest(spec);
    if (!fault.isEmpty()) return fault;
    Gray[] refused = {
      gray(spec.maxWidth + 1, spec.height),
      gray(SIDE - 1, spec.height),
      gray(10 * SIDE, SIDE - 1),
      gray(SIDE, 10 * spec.height)
    };
    for (Gray image : refused) {
      try {
        Prepare.prepare(image, spec);
      } catch (InkportException error) {
        continue;
      }
      return "an image of " + image.width + " x " + image.height + " px is not refused";
    }
    return "";
  }

  /** At the network's height nothing is resampled, and all that is not the image is padding. */
  private static String checkNarrowest(Spec spec) {
    Gray image = gray(SIDE, spec.height);
    Gray found = Prepare.prepare(image, spec);
    int multiple = spec.widthMultiple;
    int width = Math.max(spec.minWidth, (SIDE + multiple - 1) / multiple * multiple);
    if (found.width != width || found.height != spec.height) {
      return "a line of 8 px is prepared as " + found.width + " x " + found.height + " px";
    }
    for (int y = 0; y < found.height; y++) {
      for (int x = 0; x < width; x++) {
        int wanted = x < SIDE ? image.at(x, y) : spec.background;
        if (found.at(x, y) != wanted) {
          return "pixel " + x + ", " + y + " of a line of 8 px became " + found.at(x, y) + ", expected " + wanted;
        }
      }
    }
    return "";
  }

  private static Gray gray(int width, int height) {
    byte[] pixels = new byte[width * height];
    for (int i = 0; i < pixels.length; i++) pixels[i] = (byte) (37 * i);
    return new Gray(width, height, pixels);
  }
}
