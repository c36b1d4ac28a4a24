"""The networks; the only room that knows Keras and TensorFlow.

`registry` is the door: it loads a kind on first use, so that importing this room costs nothing.
Every weight has a leading series axis: S networks of one shape are trained and scored as one
program, and a single series is a fleet of one.
"""
