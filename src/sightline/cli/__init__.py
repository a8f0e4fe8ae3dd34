"""The command line: terminal words to one call of a workflow, and its answer back to words.

Results go to standard output, everything else to standard error. No logic about images here,
and nothing heavy is imported before the verb that needs it has been chosen.
"""

from sightline.cli.entry import main

__all__ = ["main"]
