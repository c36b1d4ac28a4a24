"""Use cases: one file an operator's sentence."""
