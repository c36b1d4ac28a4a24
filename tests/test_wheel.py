"""What is given to others: a wheel that is the same each time, and whole where it is installed."""

import hashlib
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from backend import __version__

ROOT = Path(__file__).parents[1]
PACKAGES = ("backend", "jobs", "grafana_dashboards")
DERIVED = ("__pycache__", "*.pyc")


def build(directory: Path, made_at: int) -> Path:
    """Build from a copy of the sources whose files are as old as told."""
    source = directory / "source"
    for name in PACKAGES:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns(*DERIVED))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    for path in source.rglob("*"):
        os.utime(path, (made_at, made_at))
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(directory)],
        cwd=source,
        check=True,
        capture_output=True,
        timeout=100,
        env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000"},
    )
    (wheel,) = directory.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("wheel"), 1_600_000_000)


def test_built_twice_it_is_the_same_to_the_last_byte(wheel: Path, tmp_path: Path) -> None:
    again = build(tmp_path, 1_650_000_000)

    assert again.name == wheel.name == f"normalcy-{__version__}-py3-none-any.whl"
    digests = {hashlib.sha256(path.read_bytes()).hexdigest() for path in (wheel, again)}
    assert len(digests) == 1


def test_it_holds_every_file_of_the_packages_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    sources = {
        path.relative_to(ROOT).as_posix()
        for name in PACKAGES
        for path in (ROOT / name).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    assert held == sources
    assert {"backend/web/templates", "backend/web/static", "backend/web/texts/en"} <= {
        str(Path(name).parent) for name in held
    }


def test_it_runs_where_it_is_installed(wheel: Path, tmp_path: Path) -> None:
    fresh = tmp_path / "fresh"
    venv.create(fresh)
    python, bin_ = fresh / "bin/python", fresh / "bin"
    install = [sys.executable, "-m", "uv", "pip", "install", "--offline", "--no-deps", "--quiet"]
    subprocess.run([*install, "--python", str(python), str(wheel)], check=True, timeout=100)
    # what it depends on is taken from here; a path file of a path file is not followed
    (site,) = (fresh / "lib").glob("python*/site-packages")
    (own,) = {path for path in sys.path if path.endswith("site-packages") and sys.prefix in path}
    (site / "dependencies.pth").write_text(f"{own}\n")

    def run(*command: str | Path) -> str:
        ran = subprocess.run(
            list(map(str, command)),
            cwd=tmp_path,
            env={"PATH": str(bin_), "HOME": str(tmp_path)},
            check=False,
            capture_output=True,
            text=True,
            timeout=100,
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout.strip()

    where = "import backend, jobs.scheduler; print(backend.__file__)"
    assert Path(run(python, "-c", where)).is_relative_to(fresh)
    assert run(bin_ / "normalcy", "--version") == f"normalcy {__version__}"
    assert "--once" in run(bin_ / "normalcy", "demo", "--help")
    answer = (
        "from backend.bootstrap import bootstrap\n"
        "from backend.settings import load\n"
        "from backend.web import create_app\n"
        f"application = bootstrap(load({{'NORMALCY_HOME': {str(tmp_path / 'home')!r}}}))\n"
        "client = create_app(application).test_client()\n"
        "print(client.get('/', headers={'Host': 'localhost'}).text)\n"
        "application.close()\n"
    )
    page = run(python, "-c", answer)
    assert page.startswith("<!doctype html>")
    assert "normalcy" in page
