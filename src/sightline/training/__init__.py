"""Dataset and recipe in, bundle out: features, head, gradient descent, checkpoints.

Needs TensorFlow; its modules are imported by name.
"""
