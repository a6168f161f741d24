package inkport;

/** Reads lines of text. As many threads at a time as its engine takes. */
public final class Recogniser {
  public final Spec spec;
  private final Engine engine;

  /** @param engine has the model open that the specification names */
  public Recogniser(Spec spec, Engine engine) {
    this.spec = spec;
    this.engine = engine;
  }

  /**
   * Read one line of text, upright and gray: Png.decode or Gray.ofArgb.
   *
   * @throws InkportException if the image cannot hold a line, is longer than the network takes, or the engine fails
   */
  public Reading read(Gray image) {
    return Reading.greedy(run(Prepare.prepare(image, spec)), spec);
  }

  /** The network's output for a prepared line. */
  public Logits run(Gray tensor) {
    try {
      return engine.run(Prepare.normalise(tensor, spec), tensor.height, tensor.width);
    } catch (Exception error) {
      InkportException fault = new InkportException("the engine failed: " + error.getMessage());
      fault.initCause(error);
      throw fault;
    }
  }
}
