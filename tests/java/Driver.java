import inkport.Engine;
import inkport.Exif;
import inkport.Fault;
import inkport.Golden;
import inkport.Gray;
import inkport.InkportException;
import inkport.Logits;
import inkport.Planted;
import inkport.Png;
import inkport.Prepare;
import inkport.Reading;
import inkport.Recogniser;
import inkport.SelfTest;
import inkport.Spec;
import java.awt.image.Raster;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.stream.ImageInputStream;

/**
 * What the tests ask of the Java core: a request a line, cells separated by tabs; answers likewise, after as many
 * requests to run the network ("run", height, width, file of float32) as it needs, which the test answers.
 */
public final class Driver {
  private static final BufferedReader IN =
      new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
  private static PrintStream out;
  private static Path work;
  private static Recogniser recogniser;
  private static Path bundle;

  public static void main(String[] words) throws Exception {
    out = new PrintStream(System.out, true, "UTF-8");
    bundle = Paths.get(words[0]);
    work = Paths.get(words[1]);
    recogniser = new Recogniser(new Spec(text(bundle.resolve("specification.txt"))), new Asked());
    for (String row = IN.readLine(); row != null; row = IN.readLine()) {
      try {
        out.println("done\t" + answer(row.split("\t", -1)));
      } catch (InkportException error) {
        out.println("error\t" + error.getMessage());
      }
    }
  }

  private static String answer(String[] words) throws IOException {
    switch (words[0]) {
      case "file":
        return prepared(open(bytes(Paths.get(words[1]))), Paths.get(words[2]));
      case "pixels":
      case "rgba":
        return prepared(pixels(words), Paths.get(words[5]));
      case "read":
        return said(recogniser.read(open(bytes(Paths.get(words[1])))));
      case "test":
        Planted.ask(words[1]);
        long start = System.nanoTime();
        Fault fault = test(Integer.parseInt(words[2]));
        return (System.nanoTime() - start) / 1000000 + (fault == null ? "" : "\t" + fault);
      case "specification":
        return String.valueOf(new Spec(text(Paths.get(words[1]))).classes());
      default:
        throw new InkportException("no such request: " + words[0]);
    }
  }

  private static Fault test(int jpegTolerance) {
    Golden golden = new Golden(path -> bytes(bundle.resolve("golden").resolve(path)));
    return SelfTest.run(recogniser, golden, Driver::open, jpegTolerance);
  }

  /** Writes gray and tensor beside a path; answers their sizes. */
  private static String prepared(Gray gray, Path place) throws IOException {
    Gray tensor = Prepare.prepare(gray, recogniser.spec);
    Files.write(Paths.get(place + ".gray"), gray.pixels);
    Files.write(Paths.get(place + ".tensor"), tensor.pixels);
    return gray.height + "\t" + gray.width + "\t" + tensor.height + "\t" + tensor.width;
  }

  private static Gray pixels(String[] words) throws IOException {
    int width = Integer.parseInt(words[2]);
    int height = Integer.parseInt(words[3]);
    if (words[0].equals("rgba")) {
      return Gray.ofRgba(bytes(Paths.get(words[1])), width, height, Integer.parseInt(words[4]));
    }
    int[] argb = new int[width * height];
    ByteBuffer.wrap(bytes(Paths.get(words[1]))).order(ByteOrder.LITTLE_ENDIAN).asIntBuffer().get(argb);
    return Gray.ofArgb(argb, width, height, Integer.parseInt(words[4]));
  }

  private static String said(Reading reading) {
    StringBuilder row = new StringBuilder(reading.text + "\t" + reading.confidence + "\t" + reading.gap);
    for (Reading.Symbol s : reading.symbols) {
      row.append('\t').append(s.codePoint).append(' ').append(s.firstFrame).append(' ').append(s.lastFrame);
      row.append(' ').append(s.confidence).append(' ').append(s.gap);
    }
    return row.toString();
  }

  /** As an application opens files: PNG by the core, JPEG by the platform, here ImageIO. */
  private static Gray open(byte[] file) throws IOException {
    if (Png.isPng(file)) return Png.decode(file);
    if (file.length < 2 || file[0] != (byte) 0xFF || file[1] != (byte) 0xD8) {
      throw new InkportException("no PNG or JPEG file");
    }
    ImageReader reader = ImageIO.getImageReadersByFormatName("jpeg").next();
    try (ImageInputStream input = ImageIO.createImageInputStream(new ByteArrayInputStream(file))) {
      reader.setInput(input);
      int width = reader.getWidth(0);
      int height = reader.getHeight(0);
      return Gray.ofArgb(argb(reader, width, height), width, height, Exif.orientationOfJpeg(file));
    } finally {
      reader.dispose();
    }
  }

  /** Not BufferedImage.getRGB of gray files, which would convert from linear gray; CMYK it does not read at all. */
  private static int[] argb(ImageReader reader, int width, int height) throws IOException {
    Raster stored = reader.readRaster(0, null);
    int[] argb = new int[width * height];
    if (stored.getNumBands() == 3) return reader.read(0).getRGB(0, 0, width, height, argb, 0, width);
    int[] pixel = new int[4];
    for (int i = 0; i < argb.length; i++) {
      stored.getPixel(i % width, i / width, pixel);
      int key = pixel[3];
      boolean inks = stored.getNumBands() == 4;
      int red = inks ? (pixel[0] * key + 127) / 255 : pixel[0];
      int green = inks ? (pixel[1] * key + 127) / 255 : pixel[0];
      int blue = inks ? (pixel[2] * key + 127) / 255 : pixel[0];
      argb[i] = 0xFF << 24 | red << 16 | green << 8 | blue;
    }
    return argb;
  }

  private static byte[] bytes(Path file) throws IOException {
    return Files.readAllBytes(file);
  }

  private static String text(Path file) throws IOException {
    return new String(bytes(file), StandardCharsets.UTF_8);
  }

  /** Runs the network in the test, which has ONNX Runtime. */
  private static final class Asked implements Engine {
    @Override
    public Logits run(float[] values, int height, int width) throws IOException {
      Path file = work.resolve("values");
      ByteBuffer bytes = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
      bytes.asFloatBuffer().put(values);
      Files.write(file, bytes.array());
      out.println("run\t" + height + "\t" + width + "\t" + file);
      String[] words = IN.readLine().split("\t");
      int frames = Integer.parseInt(words[0]);
      int classes = Integer.parseInt(words[1]);
      float[] logits = new float[frames * classes];
      ByteBuffer.wrap(bytes(Paths.get(words[2]))).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(logits);
      return new Logits(frames, classes, logits);
    }
  }
}
