"""These tests need torch and what stands on it (extra `training`); without it they are left out, and `make test-training` runs them."""

import os
from importlib.util import find_spec

os.environ["OMP_NUM_THREADS"] = "1"
"""Before torch is loaded: threads that wait for each other over tiny tensors cost more than the tensors, by far where the machine is busy."""

collect_ignore_glob = (
    [] if all(map(find_spec, ("torch", "transformers", "trl", "gguf", "xllamacpp"))) else ["test_*.py"]
)
