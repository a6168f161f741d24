package inkport;

/** An image of one channel, 0 black .. 255 white, row by row without gaps. */
public final class Gray {
  /** In pixels. */
  public final int width;
  public final int height;
  public final byte[] pixels;

  public Gray(int width, int height, byte[] pixels) {
    if (width < 1 || height < 1 || pixels.length != (long) width * height) {
      throw new InkportException(pixels.length + " bytes for " + width + " x " + height + " pixels");
    }
    this.width = width;
    this.height = height;
    this.pixels = pixels;
  }

  /** 0 black .. 255 white. */
  public int at(int x, int y) {
    return pixels[y * width + x] & 255;
  }

  /**
   * Gray of decoded pixels, turned upright.
   *
   * @param argb 0xAARRGGBB with straight alpha, as BufferedImage.getRGB gives them
   * @param width in pixels, before turning; likewise height
   * @param orientation EXIF's, 1 if there is none
   */
  public static Gray ofArgb(int[] argb, int width, int height, int orientation) {
    byte[] out = new byte[argb.length];
    for (int i = 0; i < argb.length; i++) {
      int alpha = argb[i] >>> 24;
      int red = onWhite(argb[i] >> 16 & 255, alpha);
      int green = onWhite(argb[i] >> 8 & 255, alpha);
      int blue = onWhite(argb[i] & 255, alpha);
      out[i] = (byte) luma(red, green, blue);
    }
    return new Gray(width, height, out).turned(orientation);
  }

  /**
   * The same of bytes R, G, B, A, as Android's Bitmap.copyPixelsToBuffer gives them: those of the file, where getPixels
   * converts to sRGB.
   */
  public static Gray ofRgba(byte[] rgba, int width, int height, int orientation) {
    int[] argb = new int[rgba.length / 4];
    for (int i = 0; i < argb.length; i++) {
      int at = 4 * i;
      argb[i] = (rgba[at + 3] & 255) << 24 | (rgba[at] & 255) << 16 | (rgba[at + 1] & 255) << 8 | rgba[at + 2] & 255;
    }
    return ofArgb(argb, width, height, orientation);
  }

  /** ITU-R BT.601 in 16 fractional bits, as Pillow and libjpeg compute it. */
  static int luma(int red, int green, int blue) {
    return (red * 19595 + green * 38470 + blue * 7471 + 32768) >> 16;
  }

  /** A channel of a transparent pixel on white paper: (a c + (255 - a) 255) / 255, rounded. */
  static int onWhite(int value, int alpha) {
    int sum = value * alpha + 255 * (255 - alpha) + 128;
    return ((sum >> 8) + sum) >> 8;
  }

  /** Turned upright: the value of EXIF's tag 0x0112, 1 to 8; anything else leaves the picture as it is. */
  public Gray turned(int orientation) {
    if (orientation < 2 || orientation > 8) return this;
    boolean swapped = orientation >= 5;
    boolean mirrored = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    boolean upsideDown = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    int newWidth = swapped ? height : width;
    byte[] out = new byte[pixels.length];
    for (int i = 0; i < out.length; i++) {
      int right = swapped ? i / newWidth : i % newWidth;
      int down = swapped ? i % newWidth : i / newWidth;
      out[i] = (byte) at(mirrored ? width - 1 - right : right, upsideDown ? height - 1 - down : down);
    }
    return new Gray(newWidth, swapped ? width : height, out);
  }
}
