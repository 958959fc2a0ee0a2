"""Freehold: one door in front of every vendor's language models, and the way from renting them to owning your own.

Importing this package does nothing: no I/O, no environment, no heavy library.
"""

__version__ = "0.1.0"
