"""The nonparametric dynamic threshold with pruning of Hundman et al. (2018, arXiv 1802.04431).

Of the latest errors e, the limit is epsilon = mean(e) + z * std(e) with the z that maximizes

    (delta mean / mean + delta std / std) / (|e_a| + |E_seq| ** 2)

where e_a are the errors above epsilon, E_seq their runs, and the deltas what mean and deviation
lose without e_a. Pruning sorts the peaks of the runs and, last, the largest error of no run; runs
below the last drop of more than a share p are normal after all.

The paper looks at a batch when it is over. Here the limit of a block is taken from the errors
before it, so that it is causal: a point to come is an anomaly beside these errors if it is above
epsilon, and the drop from it to the largest normal one is more than p.
"""

import numpy as np

from backend.detection.runs import spans
from backend.detection.thresholds.calibration import Limit, Limits, Mask, Sample
from backend.detection.thresholds.past import Past, padded
from backend.ports import Floats
from backend.specs import DynamicThreshold

_Z = np.arange(2.0, 10.5, 0.5)
"""The paper: values between two and ten worked well."""


def learn(spec: DynamicThreshold, sample: Sample) -> Limit:
    """Begin with the newest held-out errors."""
    errors = sample.known[-spec.history :]
    return Limit(
        limit_beside(errors, spec.prune),
        f"begins with {len(errors)} held-out normal points, then follows the last {spec.history}",
        kept={"tail": errors},
    )


def renew(spec: DynamicThreshold, limits: Limits, past: Past) -> Floats:
    """(S,) limits from what came last; what is lacking of it is taken from the calibration."""
    found = np.empty(len(past.smoothed))
    for s, known in enumerate(past.known):
        errors = padded(limits.kept["tail"][s], past.smoothed[s, known], spec.history)
        found[s] = limit_beside(errors, spec.prune) if errors.size else limits.values[s]
    return found


def limit_beside(errors: Floats, prune: float) -> float:
    """The limit of the next points, beside these errors (T,)."""
    scale = float(errors.max())
    if scale <= 0.0:
        return 0.0
    errors = errors / scale  # so that huge values stay within bounds
    epsilon = choose_epsilon(errors)
    normal = errors[~anomalous(errors, epsilon, prune)]
    return scale * max(epsilon, float(normal.max()) / (1.0 - prune))


def choose_epsilon(errors: Floats) -> float:
    """Mean plus the best number of deviations; the smallest where several are as good."""
    mean, deviation = float(errors.mean()), float(errors.std())
    candidates = mean + _Z * deviation
    within = candidates[candidates < errors.max()]
    if not within.size or not deviation:
        return float(candidates[0])
    gains = _gains(errors, mean, deviation, within)
    return float(within[np.argmax(gains)])


def _gains(errors: Floats, mean: float, deviation: float, candidates: Floats) -> Floats:
    """(C,) what each candidate gains; each has errors above it and others."""
    above = errors > candidates[:, None]
    runs = above[:, 0] + (above[:, 1:] & ~above[:, :-1]).sum(axis=1)
    rest = (~above).astype(np.float64)
    count = rest.sum(axis=1)
    # summed row by row, not by BLAS: equal partitions must have equal gains
    lower = (rest * errors).sum(axis=1) / count
    spread = np.sqrt((rest * np.square(errors - lower[:, None])).sum(axis=1) / count)
    gained = (mean - lower) / mean + (deviation - spread) / deviation
    return np.asarray(gained / (len(errors) - count + runs.astype(np.float64) ** 2))


def anomalous(errors: Floats, epsilon: float, prune: float) -> Mask:
    """(T,) which errors remain anomalous after pruning."""
    above: Mask = errors > epsilon
    runs = sorted(spans(above), key=lambda run: -errors[run[0] : run[1]].max())
    peaks = [errors[a:b].max() for a, b in runs]
    peaks.append(errors[~above].max())  # the mean is never above epsilon, so something remains
    drops = [i for i in range(len(runs)) if (peaks[i] - peaks[i + 1]) / peaks[i] > prune]
    stays = np.zeros_like(above)
    for start, stop in runs[: drops[-1] + 1] if drops else []:
        stays[start:stop] = True
    return stays
