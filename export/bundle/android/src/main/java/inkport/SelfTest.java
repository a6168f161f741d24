package inkport;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Which stage is the first that is wrong on this device? */
public final class SelfTest {
  private static final List<String> STAGES = Arrays.asList("gray", "tensor", "ids", "confidence", "text");

  private final Recogniser recogniser;
  private final Spec spec;
  private final Golden golden;
  private Fault first;

  private SelfTest(Recogniser recogniser, Golden golden) {
    this.recogniser = recogniser;
    this.spec = recogniser.spec;
    this.golden = golden;
  }

  /** The application's own way from a file to gray. */
  public interface Opener {
    Gray open(byte[] file) throws IOException;
  }

  /** What a stage found wrong, or "" if it is right. */
  private interface Check {
    String run() throws IOException;
  }

  /**
   * Compare this device, stage by stage, with golden/. Each stage is given the golden values of the one before, so that
   * the stage named is the one at fault. What golden lines cannot show is made here: every level of gray, every label,
   * and lines that are as narrow as can be, or refused.
   *
   * @param opener null if files are not opened here: then the first stage is tensor
   * @param jpegTolerance levels by which gray of a JPEG file may differ: 0 with libjpeg-turbo, 1 with other decoders
   * @return null if all stages are right
   * @throws InkportException if golden/ cannot be read
   */
  public static Fault run(Recogniser recogniser, Golden golden, Opener opener, int jpegTolerance) {
    SelfTest test = new SelfTest(recogniser, golden);
    List<String[]> lines = golden.lines();
    for (String[] line : lines) {
      if (opener != null && test.first == null) test.checkFile(line[0], line[1], opener, jpegTolerance);
    }
    test.note("tensor", "every-level", () -> Levels.check(recogniser.spec));
    test.note("tensor", "limits", () -> Limits.check(recogniser.spec));
    for (String[] line : lines) {
      if (test.first == null || !test.first.stage.equals("gray")) test.checkLine(line[0]);
    }
    for (String stage : Arrays.asList("ids", "confidence", "text")) {
      test.note(stage, "every-label", () -> Labels.check(stage, recogniser.spec));
    }
    return test.first;
  }

  /** Keep a fault if its stage comes before those of all others. Returns whether the stage is right. */
  private boolean note(String stage, String line, Check check) {
    if (first != null && STAGES.indexOf(first.stage) <= STAGES.indexOf(stage)) return true;
    String detail;
    try {
      detail = check.run();
    } catch (IOException | RuntimeException error) {
      detail = String.valueOf(error.getMessage());
    }
    if (!detail.isEmpty()) first = new Fault(stage, line, detail);
    return detail.isEmpty();
  }

  private void checkFile(String name, String file, Opener opener, int jpegTolerance) {
    String path = name + "/" + file;
    byte[] data = golden.bytes(path);
    Gray wanted = golden.gray(name + "/gray.pgm");
    note("gray", name, () -> differs(opener.open(data), wanted, path.endsWith(".jpg") ? jpegTolerance : 0));
  }

  private void checkLine(String name) {
    Gray gray = golden.gray(name + "/gray.pgm");
    Gray tensor = golden.gray(name + "/tensor.pgm");
    String[] words = golden.words(name + "/ids.txt");
    String[] confidences = golden.words(name + "/confidences.txt");
    String text = golden.text(name + "/text.txt");
    int[] ids = new int[words.length];
    for (int i = 0; i < ids.length; i++) ids[i] = Integer.parseInt(words[i]);
    if (!note("tensor", name, () -> differs(Prepare.prepare(gray, spec), tensor, 0))) return;
    List<Reading> readings = new ArrayList<>();
    boolean right = note("ids", name, () -> {
      readings.add(Reading.greedy(recogniser.run(tensor), spec));
      return differs(readings.get(0), ids);
    });
    if (!right || readings.isEmpty()) return;
    if (note("confidence", name, () -> differs(readings.get(0), confidences))) {
      note("text", name, () -> differs(readings.get(0).text, Reading.textOf(ids, spec), text));
    }
  }

  private static String differs(Gray found, Gray wanted, int tolerance) {
    if (found.width != wanted.width || found.height != wanted.height) {
      return found.width + " x " + found.height + " px, expected " + wanted.width + " x " + wanted.height;
    }
    int worst = 0;
    int count = 0;
    for (int i = 0; i < found.pixels.length; i++) {
      int difference = Math.abs((found.pixels[i] & 255) - (wanted.pixels[i] & 255));
      worst = Math.max(worst, difference);
      if (difference > tolerance) count++;
    }
    return count > 0 ? count + " pixels differ, by up to " + worst + " levels" : "";
  }

  private static String differs(Reading found, int[] ids) {
    boolean same = found.symbols.size() == ids.length;
    for (int i = 0; same && i < ids.length; i++) same = found.symbols.get(i).label == ids[i];
    return same ? "" : found.symbols.size() + " labels that are not the " + ids.length + " expected";
  }

  private String differs(Reading found, String[] confidences) {
    // Confidences of a wrong softmax are wrong by more than engines differ, which in int8 is a lot.
    float tolerance = spec.precision.equals("fp32") ? 0.001f : 0.2f;
    for (int i = 0; i < found.symbols.size(); i++) {
      float confidence = found.symbols.get(i).confidence;
      if (i >= confidences.length || !(Math.abs(confidence - Float.parseFloat(confidences[i])) <= tolerance)) {
        return "symbol " + i + " has confidence " + confidence;
      }
    }
    return "";
  }

  private static String differs(String found, String ofIds, String wanted) {
    if (found.equals(wanted) && ofIds.equals(wanted)) return "";
    return "\"" + (found.equals(wanted) ? ofIds : found) + "\", expected \"" + wanted + "\"";
  }
}
