"""The parts of the soak: `benchmarks/soak.py` puts them together."""
