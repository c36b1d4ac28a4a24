"""Several kinds at once: each speaks with a voice of its own, and the mean of them counts."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from backend.detection.progress import part_of
from backend.models import registry
from backend.models.checking import checked
from backend.models.parted import joined, parted
from backend.ports import Floats, Lesson, LossCurve, Model, Progress, Start, Times, Voice
from backend.specs import EnsembleSpec


class Ensemble:
    """Members learn from the same rows, and look at the newest part of the same windows.

    Their values are brought on one scale by held-out normal time (see `detection/yardstick.py`), so
    that no member is louder than another only by its unit.

    Works where nobody can tell beforehand which kind suits: errors of different kinds of model
    rarely go wrong together. It costs as much as its members do.

    Source: Aggarwal and Sathe, Outlier ensembles, 2017, chapter 1 (averages of standardised
    scores).

    Attributes:
        window: W, the longest of its members.
        voices: how many they have together.
    """

    def __init__(self, spec: EnsembleSpec, series: int, channels: int) -> None:
        self.window = spec.window
        self._members = [registry.build(member, series, channels) for member in spec.members]
        self.voices = sum(member.voices for member in self._members)

    def fit(
        self, lessons: Sequence[Lesson], progress: Progress, start: Start | None = None
    ) -> list[LossCurve]:
        """Fit one member after the other; the curves are those of the first one that has any.

        Each begins with its own part of the start.

        Raises:
            InputError: lessons that do not fit the members.
            NotEnoughNormalData: a series has no window to learn from.
            TrainingFailed: a member came to nothing for some series.
        """
        count = len(self._members)
        curves = []
        for number, member in enumerate(self._members):
            tell = part_of(progress, number / count, (number + 1) / count)
            own = None if start is None else parted(start, str(number))[0]
            curves.append(member.fit(lessons, tell, own))
        return max(curves, key=lambda own: len(own[0].loss) > 1)

    def assess(self, windows: Floats, times: Times) -> tuple[Voice, ...]:
        """The voices of all members, one after the other."""
        return tuple(
            _whole(voice, windows, member)
            for member in self._members
            for voice in member.assess(windows[:, :, -member.window :], times)
        )

    def weights(self) -> dict[str, NDArray[Any]]:
        """The weights of all members, named `<number>.<name>`."""
        members = enumerate(self._members)
        return joined(**{str(number): member.weights() for number, member in members})

    def starts(self) -> dict[str, NDArray[Any]]:
        """What its members can begin with, named as `weights` names it."""
        members = enumerate(self._members)
        return joined(**{str(number): member.starts() for number, member in members})

    def load(self, weights: Mapping[str, NDArray[Any]]) -> None:
        """Take weights as `weights` gave them.

        Raises:
            ArtifactError: names or shapes are not those of the members.
        """
        parts, others = [], dict(weights)
        for number in range(len(self._members)):
            own, others = parted(others, str(number))
            parts.append(own)
        checked(others, {})
        for member, part in zip(self._members, parts, strict=True):
            member.load(part)


def _whole(voice: Voice, windows: Floats, member: Model) -> Voice:
    """What a member with a shorter window expects, with the older rows as they are."""
    if voice.expected is None or member.window == windows.shape[2]:
        return voice
    expected = windows.copy()
    expected[:, :, -member.window :] = voice.expected
    return replace(voice, expected=expected)
