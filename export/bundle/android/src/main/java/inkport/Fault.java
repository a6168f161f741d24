package inkport;

/** The first stage that is wrong on this device. */
public final class Fault {
  /** gray, tensor, ids, confidence or text. */
  public final String stage;
  /** Name of the golden line, or of what SelfTest makes itself. */
  public final String line;
  /** What was found, for a person. */
  public final String detail;

  Fault(String stage, String line, String detail) {
    this.stage = stage;
    this.line = line;
    this.detail = detail;
  }

  @Override
  public String toString() {
    return stage + "\t" + line + "\t" + detail;
  }
}
