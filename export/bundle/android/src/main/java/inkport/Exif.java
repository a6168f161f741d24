package inkport;

/** EXIF's orientation, which phones store instead of turning the picture. */
public final class Exif {
  private static final int TAG = 0x0112;
  private static final byte[] NAME = {'E', 'x', 'i', 'f', 0, 0};

  private Exif() {}

  /** The orientation of a JPEG file, 1 to 8; 1 if it says none. */
  public static int orientationOfJpeg(byte[] file) {
    for (int at = 2; at + 4 <= file.length && (file[at] & 255) == 0xFF; ) {
      int marker = file[at + 1] & 255;
      // Where the scan begins, the heads are over.
      if (marker == 0xDA) break;
      int end = at + 2 + number(file, at + 2, 2, false);
      if (marker == 0xE1 && startsWith(file, at + 4, NAME)) {
        return orientation(file, at + 4 + NAME.length, Math.min(end, file.length));
      }
      at = end;
    }
    return 1;
  }

  /** The orientation in EXIF data, a TIFF header and its first directory, which lie from first to end. */
  static int orientation(byte[] file, int first, int end) {
    boolean little = first < end && file[first] == 'I';
    if (end - first < 8 || !little && file[first] != 'M') return 1;
    long directory = first + unsigned(file, first + 4, little);
    if (directory + 2 > end) return 1;
    int count = number(file, (int) directory, 2, little);
    for (long entry = directory + 2; count > 0 && entry + 12 <= end; count--, entry += 12) {
      if (number(file, (int) entry, 2, little) == TAG) return number(file, (int) entry + 8, 2, little);
    }
    return 1;
  }

  private static boolean startsWith(byte[] file, int at, byte[] words) {
    if (at + words.length > file.length) return false;
    for (int i = 0; i < words.length; i++) {
      if (file[at + i] != words[i]) return false;
    }
    return true;
  }

  private static long unsigned(byte[] file, int at, boolean little) {
    return number(file, at, 4, little) & 0xFFFFFFFFL;
  }

  private static int number(byte[] file, int at, int size, boolean little) {
    int value = 0;
    for (int i = 0; i < size; i++) value = value << 8 | file[little ? at + size - 1 - i : at + i] & 255;
    return value;
  }
}
