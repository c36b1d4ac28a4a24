"""Every kind of model that a detector can name."""

from typing import Annotated

from pydantic import Field

from backend.specs.networks import DenseAutoencoderSpec, LstmAutoencoderSpec

ModelSpec = Annotated[
    DenseAutoencoderSpec | LstmAutoencoderSpec,
    Field(discriminator="kind"),
]
