"""The field's textbook, one idea a file: arrays in, arrays out; no clock, no store, no framework.

Shapes: S series, T grid points, W rows a window, F channels. NaN is "absent".
"""
