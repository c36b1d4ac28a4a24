"""Simulated sensors with known faults, and the whole loop run on them."""
