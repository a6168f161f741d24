// Not compiled here.
import CInkport
import CoreGraphics
import Foundation
import ImageIO

/// Decoded pixels as they are stored: no colour is converted, and nothing turned.
public struct Pixels {
    public let bytes: Data
    public let width: Int
    public let height: Int
    /// From one row to the next.
    public let rowBytes: Int
    /// One of inkport_layout.
    let layout: Int32
    /// EXIF's, 1 if there is none.
    public let orientation: Int32

    /// Bytes R, G, B, A with straight alpha.
    public init(rgba bytes: Data, width: Int, height: Int, rowBytes: Int? = nil, orientation: Int32 = 1) {
        self.init(bytes, width, height, rowBytes ?? 4 * width, INKPORT_RGBA8, orientation)
    }

    /// Gray, 0 black .. 255 white: the first plane of a camera's 420f frame, for instance.
    public init(gray bytes: Data, width: Int, height: Int, rowBytes: Int? = nil, orientation: Int32 = 1) {
        self.init(bytes, width, height, rowBytes ?? width, INKPORT_GRAY8, orientation)
    }

    /// Decode a file of an image.
    public init(file: Data) throws {
        guard let source = CGImageSourceCreateWithData(file as CFData, nil),
            let image = CGImageSourceCreateImageAtIndex(source, 0, nil)
        else { throw InkportError(description: "no image that the system decodes") }
        let properties = CGImageSourceCopyPropertiesAtIndex(source, 0, nil) as? [CFString: Any]
        let orientation = (properties?[kCGImagePropertyOrientation] as? NSNumber)?.int32Value ?? 1
        if let stored = Pixels.stored(image, orientation) {
            self = stored
        } else {
            self = try Pixels.drawn(image, orientation)
        }
    }

    private init(
        _ bytes: Data, _ width: Int, _ height: Int, _ rowBytes: Int, _ layout: inkport_layout, _ orientation: Int32
    ) {
        self.bytes = bytes
        self.width = width
        self.height = height
        self.rowBytes = rowBytes
        self.layout = Int32(layout.rawValue)
        self.orientation = orientation
    }

    /// The decoder's own bytes where the C interface has a layout for them: no rounding, no premultiplied alpha.
    private static func stored(_ image: CGImage, _ orientation: Int32) -> Pixels? {
        guard let model = image.colorSpace?.model, let data = image.dataProvider?.data as Data? else { return nil }
        let order = image.bitmapInfo.intersection(.byteOrderMask)
        let layout: inkport_layout
        switch (model, image.bitsPerComponent, image.bitsPerPixel, image.alphaInfo) {
        case (.monochrome, 8, 8, .none): layout = INKPORT_GRAY8
        case (.monochrome, 8, 16, .last): layout = INKPORT_GRAY_ALPHA8
        case (.monochrome, 16, 16, .none) where order == .byteOrder16Little: layout = INKPORT_GRAY16
        case (.rgb, 8, 24, .none): layout = INKPORT_RGB8
        case (.rgb, 8, 32, .last) where order.isEmpty || order == .byteOrder32Big: layout = INKPORT_RGBA8
        default: return nil
        }
        return Pixels(data, image.width, image.height, image.bytesPerRow, layout, orientation)
    }

    /// Drawn on white, in the image's own colours if they are RGB, so that none is converted.
    private static func drawn(_ image: CGImage, _ orientation: Int32) throws -> Pixels {
        let own = image.colorSpace.flatMap { $0.model == .rgb && $0.supportsOutput ? $0 : nil }
        let (width, height) = (image.width, image.height)
        var bytes = Data(repeating: 255, count: 4 * width * height)
        let drawn = bytes.withUnsafeMutableBytes { buffer -> Bool in
            guard
                let context = CGContext(
                    data: buffer.baseAddress, width: width, height: height, bitsPerComponent: 8,
                    bytesPerRow: 4 * width, space: own ?? CGColorSpace(name: CGColorSpace.sRGB)!,
                    bitmapInfo: CGImageAlphaInfo.noneSkipLast.rawValue)
            else { return false }
            context.draw(image, in: CGRect(x: 0, y: 0, width: width, height: height))
            return true
        }
        guard drawn else { throw InkportError(description: "an image of \(width) x \(height) px cannot be drawn") }
        // The fourth byte is no alpha; white beneath makes everything opaque.
        for index in stride(from: 3, to: bytes.count, by: 4) { bytes[index] = 255 }
        return Pixels(rgba: bytes, width: width, height: height, orientation: orientation)
    }
}
