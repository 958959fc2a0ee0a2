"""The model_list of a LiteLLM configuration: each entry as one of our targets, and the vendor accounts behind them.

Pure. It knows LiteLLM's names and, through `KnownVendor`, which vendors Freehold has built in.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import cast
from urllib.parse import urlsplit

from msgspec import Struct

from freehold.config.address import wrong_address
from freehold.config.discovery import COMPATIBLE, OWN, KnownVendor
from freehold.config.litellm_reasons import reason
from freehold.config.routes import is_model
from freehold.config.secrets import SECRET_HEADERS, fits_a_header, is_variable, wrong_header

ENVIRON = "os.environ/"

SERVERS = {
    "hosted_vllm": "vllm",
    "openai_like": "server",
    "custom_openai": "server",
    "litellm_proxy": "litellm",
    "lm_studio": "lm-studio",
    "llamafile": "llamafile",
    "xinference": "xinference",
    "ollama": "ollama",
    "ollama_chat": "ollama",
}
"""LiteLLM's providers that are servers speaking Chat Completions, and what we call such a vendor."""

BARE = (
    ("gpt-", "openai"),
    ("chatgpt-", "openai"),
    ("o1", "openai"),
    ("o3", "openai"),
    ("o4", "openai"),
    ("text-embedding-", "openai"),
    ("ft:gpt-", "openai"),
    ("claude", "anthropic"),
)
"""The vendor that LiteLLM takes a model name without a provider to mean."""

SMALLEST, LARGEST = Decimal("1E-15"), Decimal("1E+15")
NO_KEY = frozenset(("", "none", "null", "dummy", "empty", "fake", "fake-key", "not-needed", "anything"))
COSTS = {
    "input_cost_per_token": "input",
    "output_cost_per_token": "output",
    "cache_read_input_token_cost": "cache_read",
    "cache_creation_input_token_cost": "cache_write",
}
NUMBERS = frozenset(
    ("weight", "order", "rpm", "tpm", "timeout", "stream_timeout", "max_retries", "num_retries", "max_budget", *COSTS)
)
NO_NUMBER = "It is no number that Freehold could use."
READ = NUMBERS | frozenset(
    (
        "model",
        "api_key",
        "api_base",
        "base_url",
        "custom_llm_provider",
        "litellm_credential_name",
        "organization",
        "extra_headers",
        "headers",
        "budget_duration",
    )
)
"""The parameters that are carried over; every other is named as left out."""


class LeftOut(Struct, frozen=True):
    """One setting that was not carried over: where it stands in LiteLLM's file, and why (or what to do)."""

    path: str
    reason: str


class Account(Struct, frozen=True, kw_only=True):
    """A vendor table to write. `base` is the name it would like to have; `like` the built-in vendor, None for a server
    that speaks Chat Completions. Texts that begin with `os.environ/` are references."""

    base: str
    like: str | None
    base_url: str | None = None
    api_key: str | None = None
    headers: tuple[tuple[str, str], ...] = ()


class Deployment(Struct, frozen=True, kw_only=True):
    """One entry of model_list. `group` is the name that callers use, `model` the vendor's. Numbers are None where the
    entry has none; `costs` are dollars per million tokens by our names."""

    path: str
    group: str
    account: Account
    model: str
    params: Mapping[str, object]
    costs: Mapping[str, Decimal]

    def number(self, *names: str) -> Decimal | None:
        """The first of the parameters that holds a number."""
        return next((found for name in names if (found := number(self.params.get(name))) is not None), None)


def deployments(
    config: Mapping[str, object], known: Mapping[str, KnownVendor], left_out: list[LeftOut]
) -> list[Deployment]:
    """The entries of model_list that can be carried over; the others are added to `left_out`."""
    credentials = _credentials(config)
    found: list[Deployment] = []
    if not isinstance(config.get("model_list", []), list | None):
        left_out.append(LeftOut("model_list", "It is no list."))
    for index, entry in enumerate(sequence(config.get("model_list"))):
        path = f"model_list[{index}]"
        deployment = _deployment(path, mapping(entry), credentials, known, left_out)
        if deployment is not None:
            found.append(deployment)
    return found


def mapping(thing: object) -> Mapping[str, object]:
    """A YAML mapping, with text for keys; anything else is an empty one."""
    if not isinstance(thing, Mapping):
        return {}
    return {str(name): value for name, value in cast(Mapping[object, object], thing).items()}


def sequence(thing: object) -> Sequence[object]:
    """A YAML sequence; anything else is an empty one."""
    return cast(list[object], thing) if isinstance(thing, list) else []


def is_reference(text: str) -> bool:
    """Whether it is `os.environ/NAME`."""
    return text.startswith(ENVIRON) and is_variable(text.removeprefix(ENVIRON))


def number(thing: object) -> Decimal | None:
    """A YAML number that is not negative, or text that is one (YAML 1.1 reads `15e-8` as text). None for anything else,
    and for what is too large or too small to mean anything."""
    if isinstance(thing, bool) or not isinstance(thing, int | float | str):
        return None
    try:
        found = Decimal(str(thing).strip())
    except InvalidOperation:
        return None
    return found if found == 0 or (found.is_finite() and SMALLEST <= found <= LARGEST) else None


def _deployment(
    path: str,
    entry: Mapping[str, object],
    credentials: Mapping[str, Mapping[str, object]],
    known: Mapping[str, KnownVendor],
    left_out: list[LeftOut],
) -> Deployment | None:
    params = dict(mapping(entry.get("litellm_params")))
    params = {**credentials.get(str(params.get("litellm_credential_name")), {}), **params}
    group, written = entry.get("model_name"), params.get("model")
    if not isinstance(group, str) or not isinstance(written, str):
        left_out.append(LeftOut(path, "It has no model_name or no litellm_params.model."))
        return None
    provider, model = _provider(written, params.get("custom_llm_provider"))
    if provider == "*":
        left_out.append(LeftOut(path, "Callers may name any vendor/model whose vendor has a key; nothing to write."))
        return None
    if not is_model(model):
        left_out.append(LeftOut(path, "A model cannot have such a name."))
        return None
    account = _account(path, provider, params, known, left_out)
    if account is None:
        return None
    info = mapping(entry.get("model_info"))
    for name in sorted(params.keys() - READ):
        left_out.append(LeftOut(f"{path}.litellm_params.{name}", reason("litellm_params", name)))
    for name in sorted(params.keys() & NUMBERS):
        if params[name] is not None and number(params[name]) is None:
            left_out.append(LeftOut(f"{path}.litellm_params.{name}", NO_NUMBER))
    for name in sorted(info.keys() - COSTS.keys()):
        left_out.append(LeftOut(f"{path}.model_info.{name}", reason("model_info", name)))
    costs = {
        ours: cost * 1_000_000
        for name, ours in COSTS.items()
        if (cost := number({**info, **params}.get(name))) is not None
    }
    return Deployment(path=path, group=group, account=account, model=model, params=params, costs=costs)


def _credentials(config: Mapping[str, object]) -> dict[str, Mapping[str, object]]:
    entries = [mapping(entry) for entry in sequence(config.get("credential_list"))]
    return {str(entry.get("credential_name")): mapping(entry.get("credential_values")) for entry in entries}


def _provider(written: str, named: object) -> tuple[str, str]:
    """LiteLLM's provider and the model, of `provider/model` or of a bare name that it knows."""
    provider, slash, model = written.partition("/")
    if isinstance(named, str) and named:
        return named, model if slash and provider == named else written
    if slash:
        return provider, model.removeprefix("responses/")
    if written == "*":
        return "*", "*"
    return next((vendor for start, vendor in BARE if written.startswith(start)), ""), written


def _account(
    path: str, provider: str, params: Mapping[str, object], known: Mapping[str, KnownVendor], left_out: list[LeftOut]
) -> Account | None:
    address = params.get("api_base") or params.get("base_url")
    base_url = address.rstrip("/") if isinstance(address, str) and address else None
    built_in = provider in known and provider not in (COMPATIBLE, OWN)
    if not built_in and provider not in SERVERS:
        said = f'LiteLLM\'s provider "{provider}" is not a vendor that Freehold has built in.'
        how = 'If it speaks Chat Completions, add [vendors.NAME] with speaks = "openai-chat" and base_url.'
        left_out.append(LeftOut(path, f"{said} {how}" if provider else f"Its vendor is not clear from its name. {how}"))
        return None
    if provider not in known and base_url is None:
        left_out.append(LeftOut(path, f"It has no api_base, and {provider} has no address of its own."))
        return None
    if base_url is not None and not is_reference(base_url) and wrong_address(base_url) is not None:
        left_out.append(LeftOut(path, "Its api_base is not a URL."))
        return None
    ours = built_in and (base_url is None or _same_site(base_url, known[provider].base_url))
    if base_url is not None and provider in ("ollama", "ollama_chat") and not is_reference(base_url):
        base_url = f"{base_url.removesuffix('/v1')}/v1"  # its own API stands at the root, the compatible one below /v1
    base = provider if ours else SERVERS.get(provider, f"{provider}-server")
    like = provider if ours or (built_in and "openai-chat" not in known[provider].speaks) else None
    if like is not None and base_url is not None and not is_reference(base_url) and not urlsplit(base_url).path:
        base_url += urlsplit(known[like].base_url or "").path  # LiteLLM adds the path of some vendors by itself
    return Account(
        base=base,
        like=like,
        base_url=base_url,
        api_key=_key(path, base, params.get("api_key"), left_out),
        headers=_headers(path, params, left_out),
    )


def _same_site(url: str, official: str | None) -> bool:
    """Whether a base URL is the vendor's own, or a region of it: `eu.api.openai.com` is, `10.0.0.7` is not."""
    ours, theirs = urlsplit(official or "").hostname, urlsplit(url).hostname
    return ours is not None and theirs is not None and theirs.split(".")[-2:] == ours.split(".")[-2:]


def _key(path: str, base: str, written: object, left_out: list[LeftOut]) -> str | None:
    """The reference to the key. A key that stands in LiteLLM's file is not copied: its place gets a variable's name."""
    if not isinstance(written, str) or written.strip().lower() in NO_KEY:
        return None
    if is_reference(written):
        return written
    name = f"{base.replace('-', '_').upper()}_API_KEY"
    said = f"The key itself stands there, and keys do not belong in a file. Set it as the environment variable {name}."
    left_out.append(LeftOut(f"{path}.litellm_params.api_key", said))
    return ENVIRON + name


def _headers(path: str, params: Mapping[str, object], left_out: list[LeftOut]) -> tuple[tuple[str, str], ...]:
    found = {**mapping(params.get("headers")), **mapping(params.get("extra_headers"))}
    organization = params.get("organization")
    if isinstance(organization, str) and organization:
        found["OpenAI-Organization"] = organization
    elif organization is not None:
        said = "It lists several organizations: write one vendor table for each."
        left_out.append(LeftOut(f"{path}.litellm_params.organization", said))
    kept: list[tuple[str, str]] = []
    for name, value in sorted(found.items()):
        text = str(value)
        said = None
        if wrong_header(name) is not None or not fits_a_header(text):
            said = "Freehold cannot add such a header."
        elif name.lower() in SECRET_HEADERS and not is_reference(text):
            said = "It is a secret: add it under headers as { env = .. }."
        if said is None:
            kept.append((name, text))
        else:
            left_out.append(LeftOut(f"{path}.litellm_params.extra_headers.{name}", said))
    return tuple(kept)
