import subprocess
import sys
from typing import Any, get_args

from backend.models import registry
from backend.specs import ModelSpec


def test_it_knows_every_kind_a_spec_can_name() -> None:
    kinds = {spec.model_fields["kind"].default for spec in _specs(ModelSpec)}
    # auto is none itself: it becomes one of the others before a model is made
    assert set(registry.KINDS) == kinds - {"auto"}


def _specs(union: Any) -> list[Any]:
    """The specs of a union, however deep."""
    if hasattr(union, "model_fields"):
        return [union]
    return [spec for part in get_args(union) for spec in _specs(part)]


def test_it_does_not_load_tensorflow() -> None:
    code = (
        "import sys, backend.models.registry;"
        "print(sorted({'tensorflow', 'keras'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
