"""The Java core of an Android bundle, compiled and asked over a pipe; Python's ONNX Runtime runs its network."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from inkport.core.registry import open_session
from inkport.export.bundle.sources import ANDROID


PLANTED = """package inkport;

public final class Planted {
  private static String asked = "";

  static boolean is(String fault) {
    return asked.equals(fault);
  }

  public static void ask(String fault) {
    asked = fault;
  }
}
"""
RELEASE = ("javac", "--release", "8", "-Xlint:all,-options", "-Werror")
"""Compiles for Java 8, as Android takes it; newer compilers warn that it is old."""


class CoreError(Exception):
    """What the core said of a request that it refused."""


class JavaCore:
    """The core, running.

    Args:
        bundle: The bundle whose specification and golden/ it has.
        model: The model that Python runs for it.
        work: Folder for classes and arrays.
        faults: Faults that can be asked for, by their names, as faults-java.toml describes them.
    """

    def __init__(self, bundle, model, work, faults=None):
        if missing := [program for program in ("javac", "java") if shutil.which(program) is None]:
            pytest.skip(f"{', '.join(missing)} is not installed (apt install default-jdk-headless)")
        pytest.importorskip("onnxruntime", reason="the network is run with it")
        self.work, self.files = work, 0
        classes, sources = work / "classes", work / "src"
        shutil.copytree(ANDROID / "src" / "main" / "java", sources)
        plant(sources / "inkport", faults or {})
        driver = Path(__file__).with_name("Driver.java")
        subprocess.run([*RELEASE, "-d", classes, driver, *(sources / "inkport").glob("*.java")], check=True)
        command = ["java", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true", "-cp", classes]
        self.process = subprocess.Popen(
            [*command, "Driver", bundle, work], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
        )
        self.session = open_session(model, runtime="onnxruntime")

    def ask(self, *words):
        """Return the cells of the answer; the network is run as often as the core asks for it."""
        self._say(*words)
        while (answer := self.process.stdout.readline().rstrip("\n").split("\t"))[0] == "run":
            height, width = map(int, answer[1:3])
            values = np.fromfile(answer[3], "<f4").reshape(1, 1, height, width)
            logits = self.session.run(values)[0]
            logits.astype("<f4").tofile(self.work / "logits")
            self._say(*logits.shape, self.work / "logits")
        if answer[0] != "done":
            raise CoreError(*answer[1:])
        return answer[1:]

    def prepare(self, kind, *words):
        """Return gray and tensor, uint8 (h, w), of a "file", or of "pixels" with width, height and orientation."""
        sizes = [int(word) for word in self.ask(kind, *words, self.work / "out")]
        names = ("out.gray", "out.tensor")
        arrays = [np.fromfile(self.work / name, np.uint8) for name in names]
        return arrays[0].reshape(sizes[:2]), arrays[1].reshape(sizes[2:])

    def pixels(self, argb, orientation=1):
        """The same for 0xAARRGGBB, uint32 (h, w)."""
        argb.astype("<u4").tofile(self.work / "argb")
        return self.prepare("pixels", self.work / "argb", argb.shape[1], argb.shape[0], orientation)

    def processor_ms(self):
        """Return how long the core's process has computed, in ms; the network is run in another one."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        ticks = int(fields[11]) + int(fields[12])
        return 1000 * ticks / os.sysconf("SC_CLK_TCK")

    def close(self):
        """End it; whatever it said besides was an error."""
        self.session.close()
        self.process.communicate(timeout=30)
        assert self.process.returncode == 0

    def _say(self, *words):
        self.process.stdin.write("\t".join(map(str, words)) + "\n")
        self.process.stdin.flush()


def plant(folder, faults):
    """Put every fault into the sources, each only where it is asked for."""
    (folder / "Planted.java").write_text(PLANTED)
    for name, fault in faults.items():
        file, right, wrong = folder / f"{fault['file']}.java", fault["right"], fault["wrong"]
        text = file.read_text(encoding="utf-8")
        assert text.count(right) == 1, f"{name}: {right!r} stands {text.count(right)} times in {file.name}"
        if wrong.endswith((";", "}")):
            choice = f'if (Planted.is("{name}")) {{ {wrong} }} else {{ {right} }}'
        else:
            end = ";" if right.endswith(";") else ""
            choice = f'(Planted.is("{name}") ? ({wrong}) : ({right.rstrip(";")})){end}'
        file.write_text(text.replace(right, choice), encoding="utf-8")
