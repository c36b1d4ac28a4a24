"""Recurrences for a fleet, each with its gradient written out.

Backpropagation through time is spelled out because the general one of `tf.while_loop` adds the
gradient of the recurrent kernel up step by step; here everything that does not depend on the next
step is computed for all steps at once, which halves the time of a training step.

Shapes: S members, W steps, B windows, U units.
"""
