package inkport;

/** Whatever is wrong with a file, an image or an engine; its message is one sentence for a person. */
public final class InkportException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public InkportException(String message) {
    super(message);
  }
}
