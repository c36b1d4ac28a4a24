import psutil

from backend.executors import machine


def test_memory_is_that_of_the_machine_or_of_the_container(tmp_path):
    whole = psutil.virtual_memory().total
    assert machine.memory(tmp_path) == whole
    (tmp_path / "memory.max").write_text("max\n")
    assert machine.memory(tmp_path) == whole
    (tmp_path / "memory.max").write_text("1073741824\n")
    assert machine.memory(tmp_path) == 1 << 30


def test_older_control_groups_are_read_too(tmp_path):
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text("2147483648\n")
    assert machine.memory(tmp_path) == 2 << 30
