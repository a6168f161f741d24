"""The suite on the wrong ports: every class here fails, and says how the port is wrong."""

from test_onnxref import TestOnnxReference as Suite


class TestPadsWithNeighbour(Suite):
    runtime = "wrong-neighbour"


class TestOffByOneFrame(Suite):
    runtime = "wrong-frame"


class TestDropsTheBatch(Suite):
    runtime = "wrong-batch"


del Suite
