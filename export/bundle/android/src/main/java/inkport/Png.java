package inkport;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.zip.CRC32;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;

/** PNG to gray. Not by the platform: a bitmap keeps 8 bits of 16, multiplies with alpha, and may convert colours. */
public final class Png {
  private static final byte[] SIGNATURE = {(byte) 0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
  /** Most pixels of a file: what a phone's camera takes, several times over. */
  private static final int MAX_PIXELS = 1 << 28;
  /** Deflate makes one byte of at most 1,032: a file of fewer bytes cannot hold its pixels, and costs no memory. */
  private static final long MOST_PER_BYTE = 1032;
  /** First column and row, and steps, of the passes of an interlaced file (section 8.2 of the specification). */
  private static final int[][] PASSES = {
    {0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}
  };
  private static final int[][] WHOLE = {{0, 0, 1, 1}};

  private final ByteArrayOutputStream packed = new ByteArrayOutputStream();
  private int width;
  private int height;
  private boolean interlaced;
  private PngColour colour;
  private int orientation = 1;

  private Png() {}

  /** Whether a file says that it is one. */
  public static boolean isPng(byte[] file) {
    if (file.length < SIGNATURE.length) return false;
    for (int i = 0; i < SIGNATURE.length; i++) {
      if (file[i] != SIGNATURE[i]) return false;
    }
    return true;
  }

  /**
   * Gray of a file, upright.
   *
   * @throws InkportException if it is no PNG file, damaged, or larger than 2^28 pixels
   */
  public static Gray decode(byte[] file) {
    if (!isPng(file)) throw new InkportException("no PNG file");
    Png png = new Png();
    png.readChunks(file);
    if (png.colour == null) throw new InkportException("PNG: no header");
    return new Gray(png.width, png.height, png.pixels()).turned(png.orientation);
  }

  private void readChunks(byte[] file) {
    for (int at = SIGNATURE.length; ; ) {
      if (at + 12 > file.length) throw new InkportException("PNG: the file is cut off");
      int size = word(file, at);
      if (size < 0 || size > file.length - at - 12) throw new InkportException("PNG: the file is cut off");
      CRC32 sum = new CRC32();
      sum.update(file, at + 4, size + 4);
      String type = new String(file, at + 4, 4, StandardCharsets.ISO_8859_1);
      if ((int) sum.getValue() != word(file, at + 8 + size)) {
        throw new InkportException("PNG: chunk " + type + " is damaged");
      }
      if (type.equals("IEND")) return;
      readChunk(type, file, at + 8, size);
      at += 12 + size;
    }
  }

  private void readChunk(String type, byte[] file, int at, int size) {
    if (type.equals("IHDR")) {
      if (size != 13) throw new InkportException("PNG: no header");
      width = word(file, at);
      height = word(file, at + 4);
      if (file[at + 12] != 0 && file[at + 12] != 1) throw new InkportException("PNG: the header is damaged");
      if (width < 1 || height < 1 || (long) width * height > MAX_PIXELS) {
        throw new InkportException(
            "PNG: " + width + " x " + height + " px, at most " + MAX_PIXELS + " pixels are decoded");
      }
      interlaced = file[at + 12] == 1;
      colour = new PngColour(file[at + 9], file[at + 8]);
    } else if (colour == null) {
      throw new InkportException("PNG: no header");
    } else if (type.equals("IDAT")) {
      packed.write(file, at, size);
    } else if (type.equals("PLTE")) {
      colour.palette = Arrays.copyOfRange(file, at, at + size);
    } else if (type.equals("tRNS")) {
      colour.clear = Arrays.copyOfRange(file, at, at + size);
    } else if (type.equals("eXIf")) {
      orientation = Exif.orientation(file, at, at + size);
    }
  }

  private byte[] pixels() {
    colour.check();
    if ((long) height * colour.bytes(width) > MOST_PER_BYTE * packed.size()) {
      throw new InkportException("PNG: the file is cut off");
    }
    byte[] out = new byte[width * height];
    Inflater inflater = new Inflater();
    try {
      inflater.setInput(packed.toByteArray());
      for (int[] pass : interlaced ? PASSES : WHOLE) {
        int columns = (width - pass[0] + pass[2] - 1) / pass[2];
        int rows = (height - pass[1] + pass[3] - 1) / pass[3];
        if (columns < 1 || rows < 1) continue;
        byte[] above = new byte[colour.bytes(columns)];
        for (int y = 0; y < rows; y++) {
          byte[] row = unfilter(inflate(inflater, 1 + above.length), above);
          int at = (pass[1] + y * pass[3]) * width + pass[0];
          for (int x = 0; x < columns; x++) out[at + x * pass[2]] = (byte) colour.gray(row, x);
          above = row;
        }
      }
    } finally {
      inflater.end();
    }
    return out;
  }

  private static byte[] inflate(Inflater inflater, int size) {
    byte[] out = new byte[size];
    try {
      for (int at = 0; at < size; ) {
        int count = inflater.inflate(out, at, size - at);
        if (count == 0) throw new InkportException("PNG: the file is cut off");
        at += count;
      }
    } catch (DataFormatException error) {
      throw new InkportException("PNG: the pixels are damaged (" + error.getMessage() + ")");
    }
    return out;
  }

  /** Undoes the filter of a row (section 9 of the specification); returns it without the filter's byte. */
  private byte[] unfilter(byte[] raw, byte[] above) {
    if (raw[0] < 0 || raw[0] > 4) throw new InkportException("PNG: the pixels are damaged");
    byte[] out = new byte[above.length];
    int pixel = colour.pixelBytes();
    for (int x = 0; x < out.length; x++) {
      int left = x >= pixel ? out[x - pixel] & 255 : 0;
      int corner = x >= pixel ? above[x - pixel] & 255 : 0;
      out[x] = (byte) (raw[x + 1] + predict(raw[0], left, above[x] & 255, corner));
    }
    return out;
  }

  private static int predict(int filter, int left, int up, int corner) {
    if (filter == 0) return 0;
    if (filter == 1) return left;
    if (filter == 2) return up;
    if (filter == 3) return (left + up) >> 1;
    int a = Math.abs(up - corner);
    int b = Math.abs(left - corner);
    int c = Math.abs(left + up - 2 * corner);
    return a <= b && a <= c ? left : b <= c ? up : corner;
  }

  private static int word(byte[] file, int at) {
    return (file[at] & 255) << 24 | (file[at + 1] & 255) << 16 | (file[at + 2] & 255) << 8 | file[at + 3] & 255;
  }
}
