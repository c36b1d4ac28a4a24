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


def test_the_limit_of_a_service_and_of_the_slice_around_it_counts(tmp_path):
    whole = psutil.virtual_memory().total
    membership = tmp_path / "cgroup"
    membership.write_text("0::/system.slice/normalcy.service\n")
    service = tmp_path / "system.slice" / "normalcy.service"
    service.mkdir(parents=True)
    assert machine.memory(tmp_path, membership) == whole
    (service / "memory.max").write_text("2147483648\n")
    assert machine.memory(tmp_path, membership) == 2 << 30
    (service.parent / "memory.max").write_text("1073741824\n")
    assert machine.memory(tmp_path, membership) == 1 << 30


def test_that_of_older_control_groups_counts_too(tmp_path):
    membership = tmp_path / "cgroup"
    membership.write_text("5:devices:/\n4:memory:/docker/76fe\n0::/\n")
    (tmp_path / "memory/docker/76fe").mkdir(parents=True)
    (tmp_path / "memory/docker/76fe/memory.limit_in_bytes").write_text("2147483648\n")

    assert machine.memory(tmp_path, membership) == 2 << 30


def test_groups_that_lie_outside_are_left_out(tmp_path):
    membership = tmp_path / "cgroup"
    membership.write_text("0::/../../kubepods/pod1\nno such line\n")

    assert machine.memory(tmp_path, membership) == psutil.virtual_memory().total
