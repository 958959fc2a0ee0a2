"""Property tests are judged by what they find, not by how long a busy machine takes over one example.

`FREEHOLD_EXAMPLES` bounds the examples of those that do not say themselves how many they want; the run against the wheel,
which repeats what `make test` has just drawn, uses it.
"""

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "freehold",
    deadline=None,
    max_examples=int(os.environ.get("FREEHOLD_EXAMPLES", "100")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("freehold")
