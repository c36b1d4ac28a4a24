"""What the C library keeps: looked at from within a process of its own."""

import os
import platform
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="another C library keeps memory in its own way"
)

THREADS = """
import ctypes, threading
from backend.services.heap import give_back_memory, keep_few_arenas
{first}
libc = ctypes.CDLL("libc.so.6")
libc.malloc.restype = libc.fopen.restype = ctypes.c_void_p
here = threading.Barrier(8)

def take():
    here.wait()
    libc.malloc(1000)
    here.wait()

threads = [threading.Thread(target=take) for _ in range(8)]
[one.start() for one in threads]
[one.join() for one in threads]
file = ctypes.c_void_p(libc.fopen(b"/dev/stdout", b"w"))
libc.malloc_info(0, file)
libc.fclose(file)
"""

LARGE = """
import ctypes
from backend.services.heap import give_back_memory
libc = ctypes.CDLL("libc.so.6")
libc.malloc.restype = ctypes.c_void_p

def pages():
    return int(open("/proc/self/statm").read().split()[1])

pieces = [libc.malloc(60_000) for _ in range(2_000)]
for one in pieces:
    ctypes.memset(one, 1, 60_000)
last = libc.malloc(60_000)  # the top of the heap stays in use
for one in pieces:
    libc.free(ctypes.c_void_p(one))
before = pages()
give_back_memory()
print(before - pages())
"""


def run(code: str, **environ: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PATH": os.environ["PATH"], **environ},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def heaps(first: str, **environ: str) -> int:
    return run(THREADS.format(first=first), **environ).count("<heap nr=")


def test_threads_share_two_heaps():
    assert heaps("") > 2
    assert heaps("keep_few_arenas()") == 2


def test_who_has_set_it_in_the_environment_is_not_overruled():
    assert heaps("keep_few_arenas()", MALLOC_ARENA_MAX="4") == 4


def test_what_was_used_for_a_moment_goes_back():
    assert int(run(LARGE)) > 20_000, "pages of 4 kB, of 29,000 that were used"
