"""What the tests of the configuration share: vendors as the composition root would describe them, and a reader."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from freehold.config.discovery import KnownVendor
from freehold.config.reading import Reading, parse

Parse = Callable[..., Reading]
"""Reads a text as freehold.toml; keywords are the environment."""

Complaints = Callable[..., list[str]]
"""What is said about such a text."""


@pytest.fixture
def known() -> Mapping[str, KnownVendor]:
    """Vendors as the vendors' own files describe them, in small."""
    return {
        "openai": KnownVendor(
            key_env=("OPENAI_API_KEY",),
            base_url_env=("OPENAI_BASE_URL",),
            base_url="https://api.openai.com/v1",
            speaks=("openai-responses", "openai-chat"),
        ),
        "anthropic": KnownVendor(
            key_env=("ANTHROPIC_API_KEY",), base_url="https://api.anthropic.com/v1", speaks=("anthropic-messages",)
        ),
        "deepseek": KnownVendor(
            key_env=("DEEPSEEK_API_KEY",), base_url="https://api.deepseek.com", speaks=("openai-chat",)
        ),
        "openai-compatible": KnownVendor(
            base_url_env=("OPENAI_COMPATIBLE_BASE_URL",),
            needs_key=False,
            needs_base_url=True,
            speaks=("openai-chat", "openai-responses"),
        ),
        "echo": KnownVendor(needs_key=False, models=("echo", "down"), speaks=("openai-chat",)),
        "own": KnownVendor(needs_key=False, speaks=("openai-chat",)),
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder in which the file stands, for the paths in it."""
    return tmp_path


@pytest.fixture
def read_text(known: Mapping[str, KnownVendor], folder: Path) -> Parse:
    """Reads a text as the file freehold.toml."""

    def parsed(text: str, **environ: str) -> Reading:
        return parse(text, "freehold.toml", folder, environ, known)

    return parsed


@pytest.fixture
def complaints(read_text: Parse) -> Complaints:
    """Reads a text that is wrong, and gives what is said about it."""

    def said(text: str, **environ: str) -> list[str]:
        reading = read_text(text, **environ)
        assert (reading.settings is None) == bool(reading.problems)
        return [problem.text() for problem in reading.problems]

    return said
