// Not compiled here: inkport's own tests compile the C++ that this calls, and test it through C.
import CInkport
import Foundation

/// What is wrong with a file, an image or the engine, in one sentence for a person.
public struct InkportError: Error, CustomStringConvertible {
    public let description: String
}

/// One symbol that was read.
public struct Symbol {
    public let scalar: Unicode.Scalar
    /// Counted from 0, both included.
    public let frames: ClosedRange<Int>
    /// Softmax probability at its best frame, 0..1.
    public let confidence: Float
    /// Smallest difference of the two best logits over its frames.
    public let gap: Float
}

/// What was read on one line.
public struct Reading {
    public let text: String
    public let symbols: [Symbol]
    /// Mean of the symbols'; NaN without symbols.
    public let confidence: Float
}

/// The first stage that is wrong on this device: gray, tensor, ids, confidence or text.
public struct Fault: Equatable {
    public let stage: String
    public let detail: String
}

/// Reads lines of text. One thread at a time; open one for each thread.
public final class Recogniser {
    private let handle: OpaquePointer
    private static let size: Int32 = 512

    /// Open a bundle's folder; if left out, the one that the package brings along.
    public init(folder: URL? = nil, threads: Int = 1) throws {
        guard let place = folder ?? Bundle.module.resourceURL else {
            throw InkportError(description: "the package has no resources")
        }
        handle = try Recogniser.called { inkport_open(place.path, nil, Int32(threads), $0, $1) }
    }

    deinit { inkport_close(handle) }

    /// Decode with a language model, `lm.inklm`, from now on.
    public func use(languageModel file: URL) throws {
        _ = try Recogniser.called { error, size in
            inkport_use_lm(handle, file.path, error, size) == 0 ? true : nil
        }
    }

    /// Read a file of one line: PNG, JPEG, HEIC, or whatever else the system decodes.
    public func read(_ file: Data) throws -> Reading { try read(Pixels(file: file)) }

    /// Read decoded pixels of one line.
    public func read(_ pixels: Pixels) throws -> Reading {
        let reading: OpaquePointer = try pixels.bytes.withUnsafeBytes { bytes in
            try Recogniser.called {
                inkport_read(
                    handle, bytes.baseAddress, Int32(pixels.width), Int32(pixels.height), pixels.rowBytes,
                    pixels.layout, pixels.orientation, $0, $1)
            }
        }
        defer { inkport_reading_free(reading) }
        var count: Int32 = 0
        let first = inkport_symbols(reading, &count)
        let symbols = UnsafeBufferPointer(start: first, count: Int(count)).map { symbol in
            Symbol(
                scalar: Unicode.Scalar(symbol.code_point) ?? "\u{FFFD}",
                frames: Int(symbol.first_frame)...Int(symbol.last_frame),
                confidence: symbol.confidence, gap: symbol.gap)
        }
        return Reading(
            text: String(cString: inkport_text(reading)), symbols: symbols, confidence: inkport_confidence(reading))
    }

    /// Compare this device with a bundle's folder golden/; nil if all stages are right.
    ///
    /// - Parameter jpegTolerance: levels by which gray of JPEG may differ: the system's decoder is not libjpeg-turbo.
    public func selfTest(golden: URL, jpegTolerance: Int = 1) throws -> Fault? {
        var stage = [CChar](repeating: 0, count: 32)
        var error = [CChar](repeating: 0, count: Int(Recogniser.size))
        let opened = Opened()
        let wrong = inkport_self_test(
            handle, golden.path,
            { user, path, pixels in Unmanaged<Opened>.fromOpaque(user!).takeUnretainedValue().open(path!, pixels!) },
            Unmanaged.passUnretained(opened).toOpaque(), Int32(jpegTolerance), &stage, Int32(stage.count), &error,
            Recogniser.size)
        withExtendedLifetime(opened) {}
        if wrong == 0 { return nil }
        if wrong == 2 { throw InkportError(description: String(cString: error)) }
        return Fault(stage: String(cString: stage), detail: String(cString: error))
    }

    /// What a C function gave, or its message as an error.
    private static func called<Result>(_ function: (UnsafeMutablePointer<CChar>, Int32) -> Result?) throws -> Result {
        var error = [CChar](repeating: 0, count: Int(size))
        guard let result = error.withUnsafeMutableBufferPointer({ function($0.baseAddress!, size) }) else {
            throw InkportError(description: String(cString: error))
        }
        return result
    }
}

/// The pixels of the file that the self-test opened last, which last until its next call.
private final class Opened {
    private var kept: UnsafeMutableRawBufferPointer?

    deinit { kept?.deallocate() }

    func open(_ path: UnsafePointer<CChar>, _ pixels: UnsafeMutablePointer<inkport_pixels>) -> Int32 {
        guard let file = FileManager.default.contents(atPath: String(cString: path)),
            let found = try? Pixels(file: file)
        else { return 1 }
        kept?.deallocate()
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: found.bytes.count, alignment: 16)
        copy.copyBytes(from: found.bytes)
        kept = copy
        pixels.pointee = inkport_pixels(
            pixels: UnsafeRawPointer(copy.baseAddress), width: Int32(found.width), height: Int32(found.height),
            row_bytes: found.rowBytes, layout: found.layout, orientation: found.orientation)
        return 0
    }
}
