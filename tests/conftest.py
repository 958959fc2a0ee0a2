"""What holds for all tests: how property tests draw, and when memory is looked through.

Property tests are judged by what they find, not by how long a busy machine takes over one example.
`FREEHOLD_EXAMPLES` bounds the examples of those that do not say themselves how many they want; the run against the wheel,
which repeats what `make test` has just drawn, uses it.
"""

import gc
import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "freehold",
    deadline=None,
    max_examples=int(os.environ.get("FREEHOLD_EXAMPLES", "100")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("freehold")


def pytest_collection() -> None:
    """What is collected stays to the end, nine thousand tests and the libraries that they import. To look through it again and again for
    what could be freed was a tenth of each worker's start, and would go on with every test."""
    gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()
