"""Terms as data: what the file says, and how it is looked up."""

import pytest

from freehold.catalog.terms import RIGHTS, Contract, Terms
from freehold.errors import CatalogError


@pytest.fixture(scope="module")
def terms() -> Terms:
    return Terms.load()


TRAINING = ("train-competing", "train-own", "train-classifier", "distil")

FORBIDDEN = [
    # (vendor, model, route, day): rented models whose terms forbid a language model of one's own
    ("openai", "gpt-5-mini", "api", "2026-06-01"),
    ("openai", "gpt-5", "consumer", "2026-06-01"),
    ("anthropic", "claude-haiku-4-5", "api", "2026-06-01"),
    ("google", "gemini-3-pro", "api", "2026-06-01"),
    ("google-cloud", "gemini-3-pro", "api", "2026-10-01"),
    ("xai", "grok-5", "api", "2026-10-01"),
    ("zai", "glm-5.3-flash", "api", "2026-12-01"),
]

PERMITTED = [
    ("deepseek", "deepseek-chat", "api", "2026-06-01"),
    ("deepseek", "deepseek-r1-distill-qwen-7b", "weights", "2026-06-01"),
    ("google", "gemma-4-e2b", "weights", "2026-06-01"),
    ("openai", "gpt-oss-20b", "weights", "2026-06-01"),
    ("qwen", "Qwen3-8B", "weights", "2026-06-01"),
    ("huggingface", "SmolLM2-135M-Instruct", "weights", "2026-06-01"),
    ("freehold", "arithmetic-chains", "program", "2026-06-01"),
]


@pytest.mark.parametrize(("vendor", "model", "route", "day"), FORBIDDEN)
def test_rented_outputs_may_not_train_or_distil(terms: Terms, vendor: str, model: str, route: str, day: str) -> None:
    contract = terms.governing(vendor, model, route, day)  # pyright: ignore[reportArgumentType]
    assert contract is not None
    for right in ("train-competing", "train-own", "distil"):
        assert any(one.answer(right) != "yes" for one in terms.together(contract))


@pytest.mark.parametrize(("vendor", "model", "route", "day"), PERMITTED)
def test_open_sources_may(terms: Terms, vendor: str, model: str, route: str, day: str) -> None:
    contract = terms.governing(vendor, model, route, day)  # pyright: ignore[reportArgumentType]
    assert contract is not None
    for right in TRAINING:
        assert all(one.answer(right) == "yes" for one in terms.together(contract))  # pyright: ignore[reportArgumentType]


def test_what_openai_excepts_is_a_classifier_in_house(terms: Terms) -> None:
    contract = terms.find("openai-services-agreement", "2026-01-01")
    assert contract is not None
    assert contract.answer("train-classifier") == "yes"
    assert contract.conditions["train-classifier"] == ("in-house",)
    assert contract.named == "OpenAI Services Agreement 3.3(e)-(f), 2026-01-01"


def test_anthropics_usage_policy_holds_together_with_its_commercial_terms(terms: Terms) -> None:
    contract = terms.latest("anthropic-commercial-terms")
    assert contract is not None
    assert [one.id for one in terms.together(contract)] == ["anthropic-commercial-terms", "anthropic-usage-policy"]


def test_llama_asks_for_a_name_and_gemma_flows_down(terms: Terms) -> None:
    llama = terms.governing("meta", "llama-3.2-1b", "weights", "2026-06-01")
    gemma = terms.governing("google", "gemma-3-270m", "weights", "2026-06-01")
    assert llama is not None
    assert (llama.duties.name_prefix, llama.duties.notices) == ("Llama", ("Built with Llama",))
    assert gemma is not None
    assert gemma.duties.flows_down


def test_the_older_llama_goes_by_its_own_licence(terms: Terms) -> None:
    older = terms.governing("meta", "llama-3-8b", "weights", "2026-06-01")
    assert older is not None
    assert older.id == "llama-community-2-3"


def test_before_its_date_a_contract_does_not_hold_and_an_unknown_vendor_has_none(terms: Terms) -> None:
    assert terms.governing("xai", "grok-5", "api", "2026-08-13") is None
    assert terms.governing("groq", "llama-3.1-8b", "api", "2026-06-01") is None
    assert terms.governing("openai", "gpt-5", "weights", "2026-06-01") is None


def test_a_right_that_is_not_named_is_unknown(terms: Terms) -> None:
    contract = terms.latest("google-gemini-api-terms")
    assert contract is not None
    assert contract.answer("train-classifier") == "unknown"


def test_every_contract_has_a_source_a_date_and_known_rights(terms: Terms) -> None:
    contracts: list[Contract] = list(terms)
    assert len(contracts) >= 28
    for contract in contracts:
        assert contract.source
        assert contract.permits.keys() <= set(RIGHTS)
        assert contract.conditions.keys() <= contract.permits.keys()
        if contract.sureness == "secondary":
            assert contract.sha256 == "", "a text that nobody has read has no hash"


def test_a_companys_own_contract_goes_before(terms: Terms) -> None:
    own = b"""
[[contract]]
id = "order-form-7"
vendor = "openai"
models = ["gpt-5-mini*"]
route = "api"
title = "Order form 7"
date = "2026-05-01"
sureness = "read"
source = "our files"
permits = { distil = "yes", train-own = "yes" }
"""
    with_own = Terms.load(own)
    found = with_own.governing("openai", "gpt-5-mini-2025-08-07", "api", "2026-06-01")
    assert found is not None
    assert found.id == "order-form-7"
    assert terms.governing("openai", "gpt-5-mini-2025-08-07", "api", "2026-06-01") != found


@pytest.mark.parametrize(
    "text",
    [
        b"[[contract]]\nid = 1",
        b"not toml",
        b'[[contract]]\nid="a"\nvendor="b"\nroute="api"\ntitle="t"\ndate="soon"\nsureness="read"\nsource="s"\npermits={}',
        b'[[contract]]\nid="a"\nvendor="b"\nroute="api"\ntitle="t"\ndate="2026-01-01"\nsureness="read"\nsource="s"\n'
        b'permits={fly="yes"}',
        b'[[contract]]\nid="a"\nvendor="b"\nroute="api"\ntitle="t"\ndate="2026-01-01"\nsureness="read"\nsource="s"\n'
        b'permits={}\nalso=["missing"]',
    ],
)
def test_a_file_that_cannot_be_read_is_an_error(text: bytes) -> None:
    with pytest.raises(CatalogError):
        Terms.load(text)
