package inkport;

/** What runs the network: ONNX Runtime in the Kotlin class, or another. */
public interface Engine {
  /**
   * Run one line.
   *
   * @param values float32 (1, 1, height, width), row by row
   * @return scores before softmax
   * @throws Exception whatever the engine throws; its message reaches the application
   */
  Logits run(float[] values, int height, int width) throws Exception;
}
