"""What a tuned model is held to: a copy of what its run starts from, where there are no adapters to lay aside.

TRL loads it by the model's name, which is the folder that its weights came from. A GGUF file is no folder, and gives a model no name by which it could be
loaded again. It knows weights and no trainer.
"""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from freehold.training.heavy.lessons import weights_in
from freehold.training.recipe import Recipe, folder_of


@contextmanager
def held_to_start(recipe: Recipe, model: Any, folder: Path, *, held: bool = True) -> Generator[None]:
    """While it lasts, the model that the recipe starts from is loaded by its own name, where it is `held` to it: weights that came from a file lie for
    that in `folder`."""
    if not held or recipe.lora is not None or weights_in(folder_of(recipe.start)).is_dir():
        yield
        return
    name = model.config._name_or_path
    with TemporaryDirectory(prefix="start-", dir=folder) as copy:
        model.save_pretrained(copy, safe_serialization=True)
        model.config._name_or_path = copy
        try:
            yield
        finally:
            model.config._name_or_path = name
