"""Pictures of training, scores and quality.

These modules load matplotlib; who draws only sometimes imports them only then.
"""
