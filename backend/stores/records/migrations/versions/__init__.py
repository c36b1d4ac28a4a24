"""The steps, in the order that each names its predecessor."""
