"""What is built from a clone, from a clone without links, and from the source distribution is the same package."""

from __future__ import annotations

import email
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from collections import defaultdict
from pathlib import Path

import pytest

import inkport


FOLDERS = ("model", "train", "export", "runtimes", "benchmarks")


@pytest.fixture(scope="module")
def clone(root, tracked, tmp_path_factory):
    folder = tmp_path_factory.mktemp("clone")
    for path in tracked:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / path, folder / path, follow_symlinks=False)
    return folder


@pytest.fixture(scope="module")
def clone_without_links(clone, tmp_path_factory):
    """What git leaves on Windows: text files with the links' targets, and all text as its default there asks for."""
    folder = tmp_path_factory.mktemp("windows")
    origin = shutil.copytree(clone, folder / "origin", symlinks=True)
    who = ["-c", "user.name=Anybody", "-c", "user.email=anybody@example.org", "-c", "commit.gpgsign=false"]
    for command in (["init", "--quiet"], ["add", "."], [*who, "commit", "--quiet", "--message", "all"]):
        subprocess.run(["git", *command], cwd=origin, check=True)
    windows = ["-c", "core.symlinks=false", "-c", "core.autocrlf=true"]
    subprocess.run(["git", *windows, "clone", "--quiet", origin, folder / "clone"], check=True)
    return folder / "clone"


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """Return a Python environment that can import what this one can, inkport aside."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder)
    paths = sysconfig.get_paths(vars={"base": str(folder), "platbase": str(folder)})
    # Editable installs are found by .pth files, and these are only read in an environment's own folder.
    others = [path for path in sys.path if Path(path).name in {"site-packages", "dist-packages"}]
    Path(paths["purelib"], "others.pth").write_text("\n".join(others))
    return Path(paths["scripts"])


@pytest.fixture(scope="module")
def unpacked_sdist(clone, tmp_path_factory):
    out = tmp_path_factory.mktemp("sdist")
    build = "import sys; from setuptools.build_meta import build_sdist; build_sdist(sys.argv[1])"
    subprocess.run([sys.executable, "-c", build, str(out)], cwd=clone, check=True, capture_output=True)
    (archive,) = out.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(out, filter="data")
    return out / archive.name.removesuffix(".tar.gz")


def build_wheel(source, out):
    pip = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--quiet", "--wheel-dir"]
    subprocess.run([*pip, str(out), str(source)], check=True, capture_output=True)
    (wheel,) = out.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def expected(root, tracked):
    """Every tracked file of the package by its name in the wheel; without training weights, four samples a writer."""
    names = set()
    rows = (root / "benchmarks/samples/lines.tsv").read_text(encoding="utf-8").splitlines()[1:]
    of_writer = defaultdict(list)
    for row in rows:
        of_writer[tuple(row.split("\t")[3:])].append(Path("benchmarks/samples", row.split("\t")[1]))
    left_out = {path for paths in of_writer.values() for path in paths[4:]}
    for path in tracked:
        if path.is_relative_to("model/shipped") or path in left_out:
            continue
        if path.parts[:2] == ("src", "inkport") and not (len(path.parts) == 3 and path.name in FOLDERS):
            names.add("/".join(path.parts[1:]))
        elif path.parts[0] in FOLDERS:
            names.add("/".join(("inkport", *path.parts)))
    return names


@pytest.mark.parametrize("source", ["clone", "clone_without_links", "unpacked_sdist"])
def test_the_wheel_holds_every_tracked_file_of_the_package_and_nothing_else(source, expected, request, tmp_path):
    wheel = build_wheel(request.getfixturevalue(source), tmp_path)
    with zipfile.ZipFile(wheel) as archive:
        found = {name for name in archive.namelist() if ".dist-info/" not in name}
        (entry_points,) = (n for n in archive.namelist() if n.endswith("entry_points.txt"))
        commands = archive.read(entry_points).decode()
    assert sorted(expected - found) == [], "tracked, but not in the wheel: see package-data in pyproject.toml"
    assert sorted(found - expected) == []
    assert "inkport = inkport.cli:main" in commands


LARGEST_WHEEL = 16_000_000
"""What a stranger downloads, in bytes, at most."""
LINK = re.compile(r"\]\(([^)\s]+)")


@pytest.fixture(scope="module")
def wheel(clone, tmp_path_factory):
    return build_wheel(clone, tmp_path_factory.mktemp("wheel"))


def test_the_wheel_is_small_and_credits_what_it_holds(wheel, root):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (notice,) = (archive.read(name).decode() for name in names if name.endswith("licenses/NOTICE"))
        cards = {Path(name).name for name in names if "licenses/docs/models/" in name}
    assert wheel.stat().st_size <= LARGEST_WHEEL
    assert not [name for name in names if name.endswith(".safetensors")]
    samples = "inkport/benchmarks/samples/"
    with zipfile.ZipFile(wheel) as archive:
        rows = archive.read(f"{samples}lines.tsv").decode().splitlines()[1:]
    telling = {name for name in names if name.startswith(f"{samples}telling/")}
    pictures = {name for name in names if name.startswith(samples) and name.endswith(".png")} - telling
    assert len(telling) == len(list((root / "benchmarks/samples/telling").iterdir()))
    assert {samples + row.split("\t")[1] for row in rows} == pictures
    cells = [row.split("\t") for row in (root / "benchmarks/samples/lines.tsv").read_text("utf-8").splitlines()[1:]]
    assert {tuple(row.split("\t")[3:]) for row in rows} == {tuple(cell[3:]) for cell in cells}, "a writer is left out"
    assert len(rows) == 159
    assert cards == {path.name for path in (root / "docs" / "models").iterdir()}
    sets = re.findall(
        r"^\| (\w+) \| [\d,]+ \|.*\| (CC-\S+)", (root / "docs/models/convtext-tiny.md").read_text(), re.MULTILINE
    )
    assert len(sets) >= 9
    attribution = (root / "export/bundle/ATTRIBUTION.md").read_text()
    for name, licence in sets:
        row = re.compile(rf"^\| {name} \| [^|]+ \| {licence}", re.MULTILINE)
        assert row.search(notice), name
        assert len(re.findall(rf"^\| {name} ", attribution, re.MULTILINE)) == 1
        assert row.search(attribution), name


def test_its_metadata_is_complete_and_its_description_leads_nowhere_dead(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        found = email.message_from_bytes(archive.read(name))
    assert found["Version"] == inkport.__version__
    assert found["Author"] == "inkport contributors"
    assert found["Description-Content-Type"] == "text/markdown"
    assert found["License-Expression"] == "Apache-2.0"
    assert found["Keywords"]
    assert "Programming Language :: Python :: 3.13" in found.get_all("Classifier")
    needs = [need for need in found.get_all("Requires-Dist") if "extra ==" not in need]
    assert [need for need in needs if need.startswith("numpy")] == ["numpy>=2"], "a cap is its applications' too"
    text = found.get_payload(decode=True).decode()
    assert "## Read a line" in text
    assert [target for target in LINK.findall(text) if not target.startswith("https://")] == []


def test_the_source_distribution_is_the_repository(unpacked_sdist, tracked):
    links = {Path("src/inkport", folder) for folder in FOLDERS}
    assert [str(path) for path in tracked if path not in links and not (unpacked_sdist / path).is_file()] == []
    assert not (unpacked_sdist / "src" / "inkport" / "model").exists()


def test_the_installed_wheel_imports_without_the_clone(wheel, python, tmp_path):
    site = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "--no-deps", "--quiet", "--no-index", "--target"]
    subprocess.run([*pip, str(site), str(wheel)], check=True, capture_output=True)
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import inkport.core.recogniser, inkport.lines.source, inkport.runtimes.ort, inkport.model\n"
        "print(*sorted({m.__file__ for n, m in sys.modules.items() if n.partition('.')[0] == 'inkport'}), sep='\\n')"
    )
    files = [Path(line) for line in python(code, str(site)).splitlines()]
    assert files
    assert all(file.is_relative_to(site) for file in files)
    assert not (site / "model").exists()
    assert not (site / "tests").exists()


def test_a_clone_without_links_installs_in_place_and_reads(clone_without_links, environment):
    assert (clone_without_links / "src" / "inkport" / "model").read_text() == "../../model"
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    pip = [environment / "python", "-m", "pip", "install", "--no-deps", "--no-build-isolation", "--quiet", "--editable"]
    subprocess.run([*pip, clone_without_links], cwd=environment, env=variables, check=True, capture_output=True)

    def run(*command):
        done = subprocess.run(command, cwd=environment, env=variables, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    where = "import inkport.train, inkport.benchmarks.report as report; print(inkport.train.__file__, report.__file__)"
    files = [Path(name).parent for name in run(environment / "python", "-I", "-c", where).split()]
    assert files == [clone_without_links / "train", clone_without_links / "benchmarks" / "report"]
    assert "verify" in run(environment / "inkport", "--help")
    samples = clone_without_links / "benchmarks" / "samples"
    rows = [row.split("\t") for row in (samples / "lines.tsv").read_text(encoding="utf-8").splitlines()]
    texts = {image: text for _, image, text, *_ in rows}
    name = "rendered-en-000000.png"
    assert run(environment / "inkport", "read", samples / name) == f"{texts[name]}\n"


def test_the_editable_install_imports_the_folders(root):
    import inkport.model
    import inkport.runtimes

    for package, folder in ((inkport.model, "model"), (inkport.runtimes, "runtimes")):
        assert Path(package.__file__).resolve().parent == root / folder
