package inkport;

/** The step from bytes to the network's floats, for every level of gray: no golden line has them all. */
final class Levels {
  /** The floats differ from the exact values by a few units in their last place, 2^-24 of values around 1. */
  private static final double TOLERANCE = 1e-6;

  private Levels() {}

  static String check(Spec spec) {
    byte[] levels = new byte[256];
    for (int level = 0; level < levels.length; level++) levels[level] = (byte) level;
    float[] found = Prepare.normalise(new Gray(levels.length, 1, levels), spec);
    for (int level = 0; level < levels.length; level++) {
      double wanted = (level - 255.0 * spec.mean) / (255.0 * spec.std);
      if (!(Math.abs(found[level] - wanted) <= TOLERANCE * Math.max(1, Math.abs(wanted)))) {
        return "level " + level + " became " + found[level] + ", expected " + wanted;
      }
    }
    return "";
  }
}
