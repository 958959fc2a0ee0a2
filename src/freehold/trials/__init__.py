"""Trials: is the candidate no worse than the incumbent by more than a margin fixed beforehand, offline, in shadow and in canary."""
