package inkport;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** A bundle's folder golden/: lines with the values of every stage. */
public final class Golden {
  /** Where the files are: a folder, or an application's assets. */
  public interface Files {
    /** The file of a path in golden/. */
    byte[] bytes(String path) throws IOException;
  }

  private final Files files;

  public Golden(Files files) {
    this.files = files;
  }

  /** Name and file of each line. InkportException if there are none, or the list is damaged. */
  List<String[]> lines() {
    List<String[]> found = new ArrayList<>();
    for (String row : text("lines.txt").split("\n")) {
      String[] cells = row.split("\t");
      if (cells.length < 2) throw new InkportException("golden/lines.txt: no lines, or a row without a file");
      found.add(cells);
    }
    return found;
  }

  byte[] bytes(String path) {
    try {
      return files.bytes(path);
    } catch (IOException error) {
      throw new InkportException("golden/" + path + ": cannot be read (" + error.getMessage() + ")");
    }
  }

  String text(String path) {
    return new String(bytes(path), StandardCharsets.UTF_8);
  }

  String[] words(String path) {
    String text = text(path).trim();
    return text.isEmpty() ? new String[0] : text.split("\\s+");
  }

  /** Gray or tensor: a binary PGM file of 8 bits. */
  Gray gray(String path) {
    byte[] file = bytes(path);
    int at = 0;
    for (int ends = 0; ends < 3 && at < file.length; at++) {
      if (file[at] == '\n') ends++;
    }
    String[] head = new String(file, 0, at, StandardCharsets.US_ASCII).trim().split("\\s+");
    if (head.length != 4 || !head[0].equals("P5") || !head[3].equals("255")) {
      throw new InkportException("golden/" + path + ": no binary PGM file of 8 bits");
    }
    try {
      return new Gray(Integer.parseInt(head[1]), Integer.parseInt(head[2]), Arrays.copyOfRange(file, at, file.length));
    } catch (NumberFormatException error) {
      throw new InkportException("golden/" + path + ": no binary PGM file of 8 bits");
    }
  }
}
