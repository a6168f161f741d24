"""Plug-ins in child processes: what they answer, raise and use there is what it would be here."""

from __future__ import annotations

import os
import sys
import textwrap
from importlib.metadata import EntryPoint

import numpy as np
import pytest

from inkport.benchmarks.run.latency import run_ns
from inkport.core import isolated, registry
from inkport.core.errors import (
    ArtifactCorruptError,
    RuntimeExecutionError,
    RuntimeUnavailableError,
    UnsupportedFormatError,
    UsageError,
)
from inkport.core.limits import Limits, Process
from inkport.core.runtime import Availability, Evidence, Placed, Placement, SessionOptions
from inkport.core.self_timed import SelfTimed


PLUGIN = """
import os, sys, time
import numpy as np
from inkport.core.errors import *
from inkport.core.runtime import Availability, Evidence, Placement

class Acme:
    name, formats = "acme", ("onnx",)

    def probe(self):
        return Availability(
            ok=True, version="1", devices=("cpu", "npu"), remedy="pip install acme", evidence=Evidence.REFERENCE
        )

    def open(self, artifact, *, device, options):
        self.spec, self.device, self.options = artifact.spec, device, options
        return self

    def run(self, images):
        shape = (len(images), self.spec.frames(images.shape[3]), self.spec.charset.size)
        logits = np.zeros(shape, dtype=np.float32)
        for place, value in enumerate(self.facts(images)):
            logits[:, 0, place] = value
        return logits

    def facts(self, images):
        return (os.getpid(), images.sum())

    def close(self):
        pass
"""


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """Register class ``Acme`` of a module, after ``changes``, as the runtime ``acme``; returns the module's name."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(changes=""):
        module = f"acme_{len(list(tmp_path.glob('*.py')))}"
        (tmp_path / f"{module}.py").write_text(PLUGIN + textwrap.dedent(changes), encoding="utf-8")
        point = EntryPoint("acme", f"{module}:Acme", registry.GROUP)
        monkeypatch.setattr(registry, "entry_points", lambda **_: [point])
        return module

    return install


@pytest.fixture
def images(toy_spec):
    return np.full((1, 1, toy_spec.preprocess.height, 64), 0.5, dtype=np.float32)


def opened(artifact, device="cpu", **extra):
    return registry.open_session(artifact, runtime="acme", device=device, options=SessionOptions(extra=extra))


def test_it_runs_in_another_process_with_its_images_and_its_own_clock(plugin, artifact, images):
    module = plugin()
    with opened(artifact) as session:
        pid, total = session.run(images)[0, 0, :2]
        assert pid not in {0, os.getpid()}
        assert total == images.sum()
        assert isinstance(session.session, SelfTimed)
        assert session.session.last_run_ns > 0
        assert session.session.open_ns > 0
        assert not isinstance(session.session, Placed)
    assert module not in sys.modules


def test_before_a_timed_run_it_runs_the_line_before(plugin, artifact, images):
    """So that its caches are warm, and what another shape costs is in the time."""
    plugin("""
        widths = []
        def facts(self, images):
            widths.append(images.shape[3])
            return widths
        Acme.facts = facts
    """)
    wide = np.concatenate([images, images], axis=3)
    with opened(artifact) as session:
        session.run(images)
        assert session.run(wide)[0, 0, :3].tolist() == [64, 128, 0]
        assert run_ns(session.session, [images, wide]) > 0
        assert session.run(wide)[0, 0, :8].tolist() == [64, 128, 128, 64, 64, 128, 128, 128]


def test_the_option_process_runs_it_here(plugin, artifact, images):
    module = plugin()
    with opened(artifact, process="inkport") as session:
        assert session.run(images)[0, 0, 0] == os.getpid()
    assert module in sys.modules


def test_it_says_there_what_it_would_say_here_and_is_asked_once(plugin, tmp_path):
    counter = tmp_path / "loaded"
    plugin(f"open({str(counter)!r}, 'a').write('once ')")
    expected = Availability(
        ok=True, version="1", devices=("cpu", "npu"), remedy="pip install acme", evidence=Evidence.REFERENCE
    )
    for _ in range(2):
        assert registry.probe("acme") == expected
        assert registry.load_runtime("acme").formats == ("onnx",)
    assert counter.read_text() == "once "


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        ("UsageError('no such option', remedy='name another')", UsageError),
        ("RuntimeUnavailableError('no driver', remedy='name another')", RuntimeUnavailableError),
        ("ArtifactCorruptError('no such layer', remedy='name another')", ArtifactCorruptError),
        ("UnsupportedFormatError('no int8', remedy='name another')", UnsupportedFormatError),
        ("RuntimeExecutionError('it broke', remedy='name another')", RuntimeExecutionError),
    ],
)
def test_errors_keep_their_class_and_their_remedy(plugin, artifact, raised, kind):
    plugin(f"def refuse(*_, **__): raise {raised}\nAcme.open = refuse")
    with pytest.raises(kind, match="acme on npu: ") as caught:
        opened(artifact, "npu")
    assert type(caught.value) is kind
    assert caught.value.remedy == "name another"


def test_a_package_that_is_missing_where_it_opens_makes_it_unavailable(plugin, artifact):
    plugin("""
        def needs(*_, **__):
            try:
                import no_such_sdk
            except ImportError as error:
                raise RuntimeError("no SDK") from error
        Acme.open = needs
    """)
    with pytest.raises(RuntimeUnavailableError, match="no SDK"):
        opened(artifact)


def test_a_plug_in_that_does_not_load_says_so_with_its_traceback(plugin):
    plugin("Acme.__init__ = lambda self: no_such_name")
    for _ in range(2):
        with pytest.raises(RuntimeUnavailableError, match=r"^the adapter of runtime 'acme' \(.*no_such_name") as caught:
            registry.load_runtime("acme")
        assert any("NameError" in note for note in caught.value.__notes__)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ("os._exit(0)", "ended with exit code 0 while it loaded acme"),
        ("import ctypes; ctypes.string_at(0)", "signal 11 (SIGSEGV) while it loaded acme"),
        ("time.sleep(600)", "did not answer 'hello' within 3 s while it loaded acme"),
        ("Acme.probe = lambda _: Availability(ok='yes')", "availability.ok: expected bool, found 'yes'"),
    ],
)
def test_a_plug_in_that_breaks_while_it_loads_is_unavailable(plugin, monkeypatch, changes, message):
    monkeypatch.setattr(isolated, "DESCRIBE_S", 3.0 if "sleep" in changes else 60.0)
    plugin(changes)
    found = registry.probe("acme")
    assert not found.ok
    assert message in found.reason
    assert "uninstall the package" in found.remedy


def test_where_its_operators_run_is_handed_over(plugin, artifact, images):
    plugin("Acme.placement = lambda self: Placement(wanted='npu', operators={'npu': 3, 'cpu': 2})")
    with opened(artifact) as session:
        session.run(images)
        assert isinstance(session.session, Placed)
        assert session.session.placement() == Placement(wanted="npu", operators={"npu": 3, "cpu": 2})


def test_limits_are_not_its_options_and_what_is_left_is(plugin, artifact, images):
    plugin("Acme.facts = lambda self, _: (float(self.options.extra == {'colour': 'blue'}), self.options.threads)")
    with opened(artifact, colour="blue", timeout_s="20", memory_mib="2048") as session:
        assert session.run(images)[0, 0, :2].tolist() == [1, 1]


def test_libraries_behind_numpy_keep_to_the_threads_too(plugin, artifact, images):
    plugin("Acme.facts = lambda self, _: (float(os.environ['OMP_NUM_THREADS']),)")
    options = SessionOptions(threads=3)
    with registry.open_session(artifact, runtime="acme", options=options) as session:
        assert session.run(images)[0, 0, 0] == 3


def test_it_cannot_take_requests_for_its_own_input(plugin, artifact, images):
    plugin("Acme.facts = lambda self, _: (float(len(sys.stdin.read())), float(len(os.read(0, 9))))")
    with opened(artifact) as session:
        for _ in range(2):
            assert not session.run(images)[0, 0, :2].any()


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux only")
def test_the_system_ends_a_plug_in_before_it_ends_inkport(plugin, artifact, images):
    plugin("Acme.facts = lambda self, _: (float(open('/proc/self/oom_score_adj').read()),)")
    with opened(artifact) as session:
        assert session.run(images)[0, 0, 0] == 1000


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({"memory_mib": "10"}, "memory_mib must be at least 64, found 10"),
        ({"memory_mib": "plenty"}, "memory_mib must be a number of MiB, found 'plenty'"),
        ({"timeout_s": "-1"}, "timeout_s must be a number of seconds above 0"),
        ({"process": "thread"}, "process must be child or inkport, found 'thread'"),
    ],
)
def test_impossible_limits_are_refused(extra, message):
    with pytest.raises(UsageError, match=message):
        Limits.take(SessionOptions(extra=extra))


def test_limits_are_taken_from_the_options():
    limits, rest = Limits.take(SessionOptions(threads=2, extra={"timeout_s": "5", "memory_mib": "256", "other": "1"}))
    assert limits == Limits(timeout_s=5, memory_mib=256, process=Process.CHILD)
    assert rest == SessionOptions(threads=2, extra={"other": "1"})
