// Not compiled here: inkport's own tests compile and run the Java classes, which this one only ties to Android.
package inkport

import ai.onnxruntime.OnnxTensor
import ai.onnxruntime.OrtEnvironment
import ai.onnxruntime.OrtSession
import android.content.res.AssetManager
import android.graphics.Bitmap
import android.graphics.BitmapFactory
import java.nio.ByteBuffer
import java.nio.FloatBuffer

/**
 * Reads lines of text with ONNX Runtime.
 *
 * @param assets of the application, with specification.txt and model/ of the bundle
 * @param threads of the computation, at least 1
 * @throws InkportException if the specification is not one that these classes read
 */
class AndroidReader(assets: AssetManager, threads: Int = 1) : AutoCloseable {
    private val spec = Spec(String(assets.bytes("specification.txt"), Charsets.UTF_8))
    private val environment = OrtEnvironment.getEnvironment()
    private val session = OrtSession.SessionOptions().use { options ->
        options.setIntraOpNumThreads(threads)
        environment.createSession(assets.bytes(spec.model), options)
    }
    private val recogniser = Recogniser(spec) { values, height, width -> run(values, height, width) }

    /** Read a file of one line: PNG, JPEG, or whatever else Android decodes. */
    fun read(file: ByteArray): Reading = recogniser.read(gray(file))

    /** Read pixels: those of a camera's Y plane are gray already, `Gray(width, height, bytes).turned(orientation)`. */
    fun read(line: Gray): Reading = recogniser.read(line)

    /**
     * The first stage that is wrong on this device, or null.
     *
     * @param assets with golden/ of the bundle
     * @param jpegTolerance levels by which gray of a JPEG file may differ; Android decodes with libjpeg-turbo
     */
    fun selfTest(assets: AssetManager, jpegTolerance: Int = 0): Fault? =
        SelfTest.run(recogniser, Golden { path -> assets.bytes("golden/$path") }, ::gray, jpegTolerance)

    override fun close() = session.close()

    private fun run(values: FloatArray, height: Int, width: Int): Logits {
        val shape = longArrayOf(1, 1, height.toLong(), width.toLong())
        OnnxTensor.createTensor(environment, FloatBuffer.wrap(values), shape).use { input ->
            session.run(mapOf(spec.input to input), setOf(spec.output)).use { outputs ->
                val output = outputs[0] as OnnxTensor
                val (_, frames, classes) = output.info.shape
                val scores = FloatArray((frames * classes).toInt())
                output.floatBuffer.get(scores)
                return Logits(frames.toInt(), classes.toInt(), scores)
            }
        }
    }

    companion object {
        /** Upright gray of a file. PNG is decoded by these classes, which keep 16 bits and straight alpha. */
        @JvmStatic
        fun gray(file: ByteArray): Gray {
            if (Png.isPng(file)) return Png.decode(file)
            val options = BitmapFactory.Options().apply {
                inPreferredConfig = Bitmap.Config.ARGB_8888
                inPremultiplied = false
                inScaled = false
            }
            val bitmap = BitmapFactory.decodeByteArray(file, 0, file.size, options)
                ?: throw InkportException("no image that Android decodes")
            // In the bitmap's own colour space: getPixels would convert to sRGB.
            val pixels = ByteBuffer.allocate(bitmap.byteCount)
            bitmap.copyPixelsToBuffer(pixels)
            return Gray.ofRgba(pixels.array(), bitmap.width, bitmap.height, Exif.orientationOfJpeg(file))
        }

        private fun AssetManager.bytes(path: String): ByteArray = open(path).use { it.readBytes() }
    }
}
