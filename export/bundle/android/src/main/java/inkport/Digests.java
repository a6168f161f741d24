package inkport;

import java.io.IOException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/** Which model and specification the golden values were made with. */
final class Digests {
  /** Digits of a digest that are shown. */
  private static final int SHOWN = 12;

  private Digests() {}

  /**
   * The first file of golden/digests.txt that is another one here, or null.
   *
   * @param bundle gives the bundle's files by their paths from its folder
   * @throws InkportException if the list or a file cannot be read
   */
  static Fault check(Golden golden, Golden.Files bundle) {
    for (String row : golden.text("digests.txt").split("\n")) {
      String[] cells = row.split("  ", 2);
      if (cells.length < 2) throw new InkportException("golden/digests.txt: no digests, or a row without a file");
      String found;
      try {
        found = sha256(bundle.bytes(cells[1]));
      } catch (IOException error) {
        throw new InkportException(cells[1] + ": cannot be read (" + error.getMessage() + ")");
      }
      if (!found.equals(cells[0])) {
        return new Fault("bundle", cells[1], "another file than golden/ was made with: SHA-256 "
            + found.substring(0, SHOWN) + ", expected " + cells[0].substring(0, Math.min(SHOWN, cells[0].length())));
      }
    }
    return null;
  }

  private static String sha256(byte[] data) {
    try {
      StringBuilder out = new StringBuilder();
      for (byte value : MessageDigest.getInstance("SHA-256").digest(data)) out.append(String.format("%02x", value));
      return out.toString();
    } catch (NoSuchAlgorithmException error) {
      throw new IllegalStateException(error); // Every Java has it.
    }
  }
}
