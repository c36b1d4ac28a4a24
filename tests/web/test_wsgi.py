"""The entry point: nothing happens on import."""

import subprocess
import sys

from backend.wsgi import create_app_from_environment


def test_importing_it_loads_nothing_large_and_does_nothing(tmp_path):
    code = (
        "import sys, threading, backend.wsgi\n"
        "large = {'tensorflow', 'keras', 'sklearn', 'scipy', 'pandas', 'pyarrow', 'matplotlib'}\n"
        "assert not large & set(sys.modules), large & set(sys.modules)\n"
        "assert threading.active_count() == 1\n"
        "print('done')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.stdout.strip() == "done", done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_environment_makes_an_app(tmp_path, monkeypatch):
    monkeypatch.setenv("NORMALCY_HOME", str(tmp_path))
    client = create_app_from_environment().test_client()
    assert client.get("/healthz").status_code == 200
    assert client.get("/").status_code == 200
    assert client.get("/", headers={"Host": "normalcy.example"}).status_code == 403
