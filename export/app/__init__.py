"""A whole reader as one ONNX graph: pixels in, code points out (docs/embed/onnx-app.md)."""
