"""The update: a small list and a few offers in, the same bytes out every time.

The list's rows are LiteLLM's own, shortened; the providers are genai-prices' own types with its prices of these models.
"""

import hashlib
import zipfile
from datetime import date
from decimal import Decimal
from importlib import resources
from pathlib import Path

import msgspec
import pytest
from genai_prices.types import ClauseEquals, ClauseOr, ModelInfo, ModelPrice, Provider

from freehold.catalog.catalog import Catalog
from freehold.catalog.rows import Book
from freehold.catalog.update import LIST, Inputs, build, encode, inputs, litellm_list
from freehold.errors import CatalogError

LISTED = b"""{
  "sample_spec": {"litellm_provider": "one of the providers", "mode": "one of the modes"},
  "gpt-5-mini": {
    "litellm_provider": "openai", "mode": "chat", "max_input_tokens": 272000, "max_output_tokens": 128000,
    "input_cost_per_token": 2.5e-07, "output_cost_per_token": 2e-06, "cache_read_input_token_cost": 2.5e-08,
    "input_cost_per_token_flex": 1.25e-07, "output_cost_per_token_flex": 1e-06,
    "cache_read_input_token_cost_flex": 1.25e-08,
    "deprecation_date": "2026-12-11", "supports_vision": true, "supports_function_calling": true
  },
  "mistral/mistral-large-latest": {
    "litellm_provider": "mistral", "mode": "chat", "max_input_tokens": 262144,
    "input_cost_per_token": 5e-07, "output_cost_per_token": 1.5e-06
  },
  "gemini/veo-3.1-generate-001": {"litellm_provider": "gemini", "mode": "video_generation"},
  "xai/grok-4.7": {"litellm_provider": "xai", "mode": "chat"}
}"""

DATA = b"""{"vendors":["openai","anthropic","google","deepseek","mistral","xai","meta","cohere","moonshot","azure",\
"bedrock","groq","together","fireworks","openrouter"],
"sources":[
{"name":"genai-prices","title":"genai-prices, Pydantic Services Inc.","version":"0.0.1","licence":"MIT",\
"read_on":"2026-11-24","sha256":"c0ffee"},
{"name":"litellm","title":"LiteLLM model_prices_and_context_window_backup.json, Berri AI","version":"1.2.3",\
"licence":"MIT","read_on":"2026-11-24","sha256":"%s"}
],
"models":[
{"id":"mistral/mistral-large","prices":[{"input":2000000000,"output":6000000000}],"provenance":{"*":0}},
{"id":"mistral/mistral-large-latest","context_tokens":262144,"prices":[{"input":500000000,"output":1500000000}],\
"provenance":{"*":1}},
{"id":"openai/gpt-5-mini","context_tokens":272000,"max_output_tokens":128000,"abilities":["tools","vision"],\
"retires":"2026-12-11","prices":[{"input":250000000,"output":2000000000,"cache_read":25000000,"search":10000000,\
"services":[{"input":125000000,"output":1000000000,"cache_read":12500000,"name":"flex"}]}],\
"aliases":["gpt-5-mini-latest"],"provenance":{"*":1,"aliases":0,"prices":0,"prices.services":1}},
{"id":"xai/grok-4.7","provenance":{"*":1}}
]}
""" % hashlib.sha256(LISTED).hexdigest().encode()

PAGE = """# Where the catalog's sources disagree

genai-prices 0.0.1 and LiteLLM 1.2.3, both read on 2026-11-24, differ on
1 points. Written by `freehold catalog update`; [the catalog's page](catalog.md) says how one is chosen.
Amounts are dollars per million tokens: input, output, cache reads and writes.

| model | what | genai-prices | LiteLLM | taken |
|---|---|---|---|---|
| `mistral/mistral-large-latest` | price | 2 in / 6 out | 0.5 in / 1.5 out | LiteLLM |
"""


def provider(vendor: str, model: str, *names: str, **prices: str) -> Provider:
    return Provider(
        id=vendor,
        name=vendor,
        api_pattern="",
        models=[
            ModelInfo(
                id=model,
                match=ClauseOr(or_=[ClauseEquals(equals=name) for name in (model, *names)]),
                prices=ModelPrice(**{key: Decimal(value) for key, value in prices.items()}),
            )
        ],
    )


def given() -> Inputs:
    return Inputs(
        litellm=LISTED,
        litellm_version="1.2.3",
        genai=(
            provider(
                "openai",
                "gpt-5-mini",
                "gpt-5-mini-latest",
                input_mtok="0.25",
                output_mtok="2",
                cache_read_mtok="0.025",
                web_searches_kcount="10",
            ),
            provider("mistral", "mistral-large", "mistral-large-latest", input_mtok="2", output_mtok="6"),
            provider("nobody", "m", input_mtok="2", output_mtok="6"),
        ),
        genai_version="0.0.1",
        genai_sha256="c0ffee",
        read_on="2026-11-24",
    )


def test_the_same_sources_give_the_same_bytes() -> None:
    built = build(given())
    assert built.data == DATA
    assert built.page == PAGE


def test_the_file_reads_back_as_what_was_written() -> None:
    catalog = Catalog.decode(build(given()).data)
    model = catalog.find("openai", "gpt-5-mini-latest")
    assert model is not None
    price = catalog.price_at(model, date(2026, 11, 24))
    assert price is not None
    assert [service.input for service in price.services] == [125_000_000]
    assert catalog.sources[model.provenance["prices"]].name == "genai-prices"


def test_the_summary_counts_rows_prices_ends_and_disagreements() -> None:
    built = build(given())
    assert built.models == {"mistral": 2, "openai": 1, "xai": 1}
    assert (built.unpriced, built.retiring, len(built.disagreements)) == (1, 1, 1)


def test_each_model_stands_on_a_line_of_its_own() -> None:
    lines = build(given()).data.splitlines()
    assert sum(line.startswith(b'{"id":') for line in lines) == 4


def test_the_list_is_read_from_a_wheel_with_its_version(tmp_path: Path) -> None:
    wheel = tmp_path / "litellm-1.109.1-cp310-abi3-manylinux_2_28_x86_64.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(LIST, LISTED)
    assert litellm_list(wheel) == (LISTED, "1.109.1")


def test_the_list_is_read_from_the_file_itself(tmp_path: Path) -> None:
    path = tmp_path / "list.json"
    path.write_bytes(LISTED)
    assert litellm_list(path) == (LISTED, "unknown")
    assert inputs(path, "2026-11-24").litellm == LISTED


@pytest.mark.parametrize(("name", "content"), [("a-1.whl", b"no zip"), ("list.json", None), ("b-1.whl", None)])
def test_a_list_that_cannot_be_read_is_an_error_with_advice(tmp_path: Path, name: str, content: bytes | None) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CatalogError, match="cannot be read from") as caught:
        litellm_list(path)
    assert "wheel" in caught.value.advice


def test_a_wheel_without_the_list_is_an_error(tmp_path: Path) -> None:
    wheel = tmp_path / "other-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("other/__init__.py", "")
    with pytest.raises(CatalogError, match="cannot be read from"):
        litellm_list(wheel)


def test_the_file_that_ships_is_in_the_form_that_is_written() -> None:
    shipped = resources.files("freehold.catalog").joinpath("data/models.json").read_bytes()
    assert encode(msgspec.json.decode(shipped, type=Book)) == shipped
    assert len(shipped) < 1_500_000
