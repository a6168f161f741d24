// Not compiled here: it needs Xcode, and a simulator or a device.
import Inkport
import XCTest

/// On a device: every stage has the golden values, and a file of golden/ its text.
final class GoldenTests: XCTestCase {
    private var golden: URL { Bundle.module.resourceURL!.appendingPathComponent("golden") }

    func testEveryStageIsRight() throws {
        let recogniser = try Recogniser()
        let start = Date()
        let fault = try recogniser.selfTest(golden: golden)
        print("self-test: \(Int(1000 * Date().timeIntervalSince(start))) ms")
        XCTAssertNil(fault)
    }

    func testALineIsRead() throws {
        let line = golden.appendingPathComponent("plain")
        let file = try Data(contentsOf: line.appendingPathComponent("line.png"))
        let text = try String(contentsOf: line.appendingPathComponent("text.txt"), encoding: .utf8)
        XCTAssertEqual(try Recogniser().read(file).text, text)
    }
}
