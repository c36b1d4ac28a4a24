import subprocess
import sys

from backend.models import registry
from backend.specs import ModelSpec, specs_in


def test_it_knows_every_kind_a_spec_can_name() -> None:
    kinds = {spec.model_fields["kind"].default for spec in specs_in(ModelSpec)}
    # auto is none itself: it becomes one of the others before a model is made
    assert set(registry.KINDS) == kinds - {"auto"}


def test_it_does_not_load_tensorflow() -> None:
    code = (
        "import sys, backend.models.registry;"
        "print(sorted({'tensorflow', 'keras'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
