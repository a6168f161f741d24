from __future__ import annotations

import os

import numpy as np
import pytest

from inkport.benchmarks.run import peaks
from inkport.benchmarks.run.fresh import peak_mib
from inkport.benchmarks.run.peaks import KERNELS, PRODUCT, Kernel, Work, measure_peaks
from inkport.core.errors import RuntimeUnavailableError
from inkport.core.target import Precision


SMALL = {
    "MatMul": Work(operator="MatMul", input=(32, 32), weights=(32, 32), macs=32**3, attributes={}),
    "Conv": Work(
        operator="Conv", input=(1, 8, 6, 6), weights=(8, 8, 3, 3), macs=36 * 64 * 9, attributes={"pads": [1, 1, 1, 1]}
    ),
}


def test_the_fastest_kernel_of_a_precision_counts(monkeypatch):
    now = [0]

    def kernel(precision, library, cost):
        def run():
            now[0] += cost

        def prepare(_work, threads):
            assert threads == 2
            if cost < 0:
                raise RuntimeUnavailableError("not on this processor")
            return run

        return Kernel(precision=precision, library=library, work=PRODUCT, prepare=prepare)

    fp32, int8 = Precision.FP32, Precision.INT8
    found = [kernel(fp32, "slow", 2_000_000), kernel(fp32, "fast", 1_000_000), kernel(int8, "absent", -1)]
    monkeypatch.setattr(peaks, "KERNELS", found)
    result = measure_peaks(2, clock=lambda: now[0])
    assert result.compute["fp32"].by == "fast MatMul"
    assert result.compute["fp32"].gmac_per_s == pytest.approx(1024**3 / 1e6)
    assert (result.compute["int8"], result.compute["bf16"]) == (None, None)
    assert result.copy_gb_per_s > 0


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: f"{k.library} {k.precision} {k.work.operator}")
def test_kernels_run_on_small_work(kernel):
    try:
        run = kernel.prepare(SMALL[kernel.work.operator], 1)
    except (ModuleNotFoundError, RuntimeUnavailableError) as error:
        pytest.skip(str(error))
    out = run()
    values = np.asarray(out if kernel.library == "numpy" else out[0])
    assert values.shape[-2:] == SMALL[kernel.work.operator].input[-2:]
    assert np.isfinite(values).all()
    assert np.ptp(values) > 0, "a product of constants only would be computed beforehand"


def status(parent, kib):
    return f"Name:\tx\nPPid:\t{parent}\nVmHWM:\t  {kib} kB\n"


def test_memory_counts_a_process_and_what_it_started(tmp_path):
    for pid, parent, kib in ((10, 1, 2048), (11, 10, 1024), (12, 11, 512), (13, 1, 9999), (14, 99, 7777)):
        folder = tmp_path / str(pid)
        folder.mkdir()
        (folder / "status").write_text(status(parent, kib), encoding="utf-8")
    assert peak_mib(10, tmp_path) == (2048 + 1024 + 512) / 1024
    assert peak_mib(12, tmp_path) == 0.5


def test_memory_of_this_process_grows_with_what_it_holds():
    before = peak_mib(os.getpid())
    assert before is not None
    held = np.ones(40_000_000, dtype=np.float32)
    after = peak_mib(os.getpid())
    assert after is not None
    assert after >= held.nbytes / 2**20
    assert after >= before
