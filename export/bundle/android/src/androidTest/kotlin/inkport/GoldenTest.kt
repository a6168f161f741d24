// Not compiled here: it needs the Android SDK and a device.
package inkport

import android.util.Log
import androidx.test.ext.junit.runners.AndroidJUnit4
import androidx.test.platform.app.InstrumentationRegistry
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Test
import org.junit.runner.RunWith

/** On a device: every stage has the golden values, and a file of golden/ its text. */
@RunWith(AndroidJUnit4::class)
class GoldenTest {
    private val app = InstrumentationRegistry.getInstrumentation().targetContext.assets
    private val golden = InstrumentationRegistry.getInstrumentation().context.assets

    @Test
    fun everyStageIsRight() {
        AndroidReader(app).use { reader ->
            val start = System.nanoTime()
            val fault = reader.selfTest(golden)
            Log.i("inkport", "self-test: ${fault ?: "all stages are right"}, ${(System.nanoTime() - start) / 1_000_000} ms")
            assertNull(fault?.toString(), fault)
        }
    }

    @Test
    fun aLineIsRead() {
        AndroidReader(app).use { reader ->
            val file = golden.open("golden/plain/line.png").use { it.readBytes() }
            val text = golden.open("golden/plain/text.txt").use { it.readBytes() }
            assertEquals(String(text, Charsets.UTF_8), reader.read(file).text)
        }
    }
}
