"""The judge of what an official SDK sends and takes: a type of its own, as pydantic reads it."""

import functools
from typing import Any

from pydantic import TypeAdapter


@functools.cache
def judge(kind: Any) -> TypeAdapter[Any]:
    """What takes only values of this type. Built when it is first asked, which takes up to a second for the types of requests: every
    worker of pytest collects the files that ask, few workers run them."""
    return TypeAdapter(kind)
