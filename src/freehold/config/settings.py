"""Every setting, declared once: its name, type, default and meaning. `docs/reference/configuration.md` is made from here.

Pure data, frozen. `reading.py` fills it from freehold.toml and the environment; nothing else may. Money is in integer
nano-dollars (1 USD = 1_000_000_000), times are in seconds. A field without a description is not a setting: it is the
name of its table. `Meta.extra` says what the file writes differently: `name` (another name), `unit` (dollars), `path`
(a file, relative to the folder of freehold.toml).
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from freehold.config.canary_rules import CanaryRules
from freehold.config.customers import Budget, CustomerPlan, Dollars, Limits, Positive, Project

Strategy = Literal["ordered", "weighted", "cheapest", "fastest"]
Durability = Literal["disk", "process", "relaxed"]
Count = Annotated[int, Meta(ge=0)]
File = Annotated[str, Meta(extra={"path": True})]


class Door(Struct, frozen=True, kw_only=True):
    """[door]: the HTTP server."""

    host: Annotated[str, Meta(description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="Port to listen on; 0 takes a free one.")] = 8080
    workers: Annotated[int, Meta(ge=1, le=64, description="Worker processes that share the port.")] = 1
    max_body_mb: Annotated[float, Meta(gt=0, description="Largest request body, in MiB.")] = 32.0
    max_in_flight: Annotated[int, Meta(ge=1, description="Requests answered at once by one worker; more get 503.")] = (
        1024
    )
    max_in_flight_per_key: Annotated[
        int, Meta(ge=1, description="Requests of one key answered at once by one worker; more get 429.")
    ] = 256
    body_seconds: Annotated[float, Meta(gt=0, description="Time a caller has to send headers and body.")] = 30.0
    keep_alive_seconds: Annotated[float, Meta(gt=0, description="Idle time before a connection is closed.")] = 75.0
    drain_seconds: Annotated[float, Meta(ge=0, description="Time that running requests have after SIGTERM.")] = 30.0
    metrics: Annotated[
        Literal["local", "admin", "open"],
        Meta(description="Who may read /metrics: callers on this machine, admin keys, or everybody."),
    ] = "local"
    log: Annotated[Literal["debug", "info", "warning", "error"], Meta(description="What is logged to stderr.")] = "info"


class Timeouts(Struct, frozen=True, kw_only=True):
    """[timeouts], and `timeouts` of a workload: how long a vendor may take."""

    connect: Annotated[float, Meta(gt=0, description="Until the connection stands, TLS included.")] = 5.0
    first_token: Annotated[float, Meta(gt=0, description="Until the first meaningful token of a stream.")] = 120.0
    whole: Annotated[
        Annotated[float, Meta(gt=0)] | None,
        Meta(
            description="Until an answer that is not streamed is there, for one attempt. Default: as long as `total` allows, of which "
            "each model of the route gets an equal share of what those before it left.",
        ),
    ] = None
    idle: Annotated[float, Meta(gt=0, description="Between two chunks of a stream, while the caller reads.")] = 60.0
    total: Annotated[
        float,
        Meta(
            gt=0,
            description="The request from end to end, retries, failover and a caller who reads slowly included.",
        ),
    ] = 600.0


class Secret(Struct, frozen=True):
    """A value that is never shown. `source` says where it came from (`env OPENAI_API_KEY`, `file`)."""

    value: str
    source: str

    def __repr__(self) -> str:
        return f"Secret(from {self.source})"


class VendorSettings(Struct, frozen=True, kw_only=True):
    """[vendors.NAME]: one account at one vendor. NAME is what stands before the slash in a model."""

    name: str
    like: Annotated[
        str,
        Meta(description="The built-in vendor whose file applies; NAME itself when it is one.", examples=["openai"]),
    ]
    speaks: Annotated[
        Literal["openai-chat", "openai-responses", "anthropic-messages"] | None,
        Meta(description="The dialect, for a vendor that is not built in."),
    ] = None
    base_url: Annotated[
        str | None, Meta(description="Where it is, when not where the vendor's file says; or { env = .. }.")
    ] = None
    api_key: Annotated[Secret | None, Meta(description='The key: { env = "NAME" } or { file = "PATH" }.')] = None
    headers: Annotated[
        dict[str, str], Meta(description="Headers added to each request; values may be { env = .. }.")
    ] = {}
    proxy: Annotated[
        str | None, Meta(description='HTTP proxy, http://host:port; default from HTTPS_PROXY; "" goes without.')
    ] = None
    ca_file: Annotated[File | None, Meta(description="PEM file with the certificate authorities to trust.")] = None
    kept_ids: Annotated[
        Literal["own", "any"] | None,
        Meta(
            description="Which ids of what this account keeps callers may send: own (the default), those of responses that the door gave "
            "to the same project; any, those of all responses, conversations, files, prompts and containers that the account holds."
        ),
    ] = None


class Conditions(Struct, frozen=True, kw_only=True):
    """`when` of a route's target: it is a candidate only if all that are set hold."""

    vision: Annotated[bool | None, Meta(description="The request has images (true), or has none (false).")] = None
    tools: Annotated[bool | None, Meta(description="The request has tools (true), or has none (false).")] = None
    json_schema: Annotated[bool | None, Meta(description="The request asks for a JSON schema, or does not.")] = None
    reasoning: Annotated[bool | None, Meta(description="The request asks for thinking, or does not.")] = None
    stream: Annotated[bool | None, Meta(description="The request streams, or does not.")] = None
    min_input_tokens: Annotated[Count | None, Meta(description="Only for inputs at least this long.")] = None
    max_input_tokens: Annotated[Count | None, Meta(description="Only for inputs at most this long.")] = None


class TargetSettings(Struct, frozen=True, kw_only=True):
    """One entry of `route`: "vendor/model", or a table."""

    model: Annotated[
        str,
        Meta(
            description='vendor/model, or "requested" for the model that the caller names.',
            examples=["openai/gpt-5-mini"],
        ),
    ]
    weight: Annotated[float, Meta(ge=0, description='Share under strategy = "weighted".')] = 1.0
    when: Annotated[Conditions | None, Meta(description="Conditions under which it is a candidate.")] = None


class Hedge(Struct, frozen=True, kw_only=True):
    """`hedge` of a workload: a second request when the first is slow to begin."""

    after: Annotated[
        Literal["p95"] | Annotated[float, Meta(gt=0)],
        Meta(description='Seconds to wait, or "p95": what 95 % of this deployment\'s first tokens took.'),
    ] = "p95"
    min_seconds: Annotated[float, Meta(ge=0, description="Never hedge earlier than this.")] = 0.1


REDACT_RULES = ("secret", "email", "iban", "card", "national_id", "ip", "phone")
"""The rules that `redact` may name; what they find is in `redaction.py`."""


class RedactPattern(Struct, frozen=True, kw_only=True):
    """An entry of `redact` that is a pattern of your own."""

    name: Annotated[
        str,
        Meta(description="The word in its placeholders: capital letters, digits and _.", examples=["CUSTOMER"]),
    ]
    pattern: Annotated[str, Meta(description="A regular expression, as Python has them.", examples=["C-[0-9]{6}"])]


class Capture(Struct, frozen=True, kw_only=True):
    """`capture` of a workload: which share of its requests is kept for trials, and for how long."""

    share: Annotated[float, Meta(ge=0, le=1, description="Share of requests kept.")] = 1.0
    keep_days: Annotated[int, Meta(ge=1, le=36500, description="Days until a captured item is deleted.")] = 90
    redact: Annotated[
        tuple[str | RedactPattern, ...],
        Meta(
            description="What is replaced by a placeholder such as [EMAIL_1] before anything is stored: rules by name, and "
            "patterns of your own. An empty list replaces nothing."
        ),
    ] = REDACT_RULES


class Shadow(Struct, frozen=True, kw_only=True):
    """`shadow` of a workload: a candidate that is asked what callers ask, once they have their answer; no caller hears it."""

    model: Annotated[str, Meta(description="The candidate, as vendor/model.", examples=["own/nano"])]
    share: Annotated[
        float,
        Meta(ge=0, le=1, description="Share of the captured conversations that it gets; a conversation goes whole."),
    ] = 1.0
    budget: Annotated[tuple[Budget, ...], Meta(description="Its own, beside the workload's: a table or a list.")] = ()
    concurrency: Annotated[int, Meta(ge=1, le=256, description="Copies under way at once in one worker.")] = 4
    queue: Annotated[int, Meta(ge=0, le=10000, description="Copies that wait in one worker; more are dropped.")] = 64
    seconds: Annotated[float, Meta(gt=0, description="How long the candidate may take for a whole answer.")] = 60.0


class Judging(Struct, frozen=True, kw_only=True):
    """`judging` of a workload: graders that ask models take part in its canaries and shadows too, beside the answers, on a key of
    their own."""

    budget: Annotated[tuple[Budget, ...], Meta(description="What the judges may cost: a table or a list.")]
    seconds: Annotated[
        float,
        Meta(gt=0, description="How long an answer waits for its judges; later it counts as one without a grade."),
    ] = 60.0
    concurrency: Annotated[int, Meta(ge=1, le=256, description="Questions to judges under way at once.")] = 8


class Storage(Struct, frozen=True, kw_only=True):
    """`storage` of the ledger: an object store that sealed contents move to, and that holds a copy of the log. Needs the extra
    `object-storage`."""

    url: Annotated[
        str,
        Meta(description="s3://, gs:// or az://, then the bucket and a prefix.", examples=["s3://acme-ledger/eu"]),
    ]
    endpoint: Annotated[
        str | None,
        Meta(
            description="Address of the server, where it is not the cloud's own: MinIO, Ceph and others (az: with the account)."
        ),
    ] = None
    region: Annotated[str | None, Meta(description="Region of the bucket; default: AWS_REGION, else us-east-1.")] = None
    access_key: Annotated[
        Secret | None,
        Meta(description="Name of the access key (az: of the account); default: the cloud's own ways to find one."),
    ] = None
    secret_key: Annotated[Secret | None, Meta(description="The secret that goes with it.")] = None


class Ledger(Struct, frozen=True, kw_only=True):
    """[ledger]: the tamper-evident log of every answer."""

    enabled: Annotated[bool, Meta(description="Whether answers are logged; false leaves records for usage only.")] = (
        True
    )
    origin: Annotated[
        str | None,
        Meta(description="Name of the log in its checkpoints; default: one made at the first start. Never change it."),
    ] = None
    durability: Annotated[
        Durability,
        Meta(
            description="What an entry survives before the last byte of its answer leaves: disk (a power cut), process "
            "(kill -9 of any process) or relaxed (written within a second)."
        ),
    ] = "disk"
    contents: Annotated[
        bool, Meta(description="Keep requests and answers too, encrypted under a key for each data subject.")
    ] = False
    keep_days: Annotated[
        int, Meta(ge=1, le=36500, description="Days that salts, and contents where they are kept, can be read.")
    ] = 400
    entries: Annotated[
        Literal["admin", "open"],
        Meta(description="Who may read entries under /ledger/; checkpoints, keys and hashes are open to everybody."),
    ] = "admin"
    witnesses: Annotated[
        dict[str, str],
        Meta(description="Witnesses that cosign checkpoints: verifier key lines, each with the witness's URL."),
    ] = {}
    storage: Annotated[
        Storage | None,
        Meta(
            description='Object store for contents and a copy of the log: "s3://BUCKET/PREFIX", or a table. Never change it.'
        ),
    ] = None
    master_key: Annotated[
        str,
        Meta(
            description='What guards the keys of data subjects: "file", or an entry point of the group freehold.key_wrappers.'
        ),
    ] = "file"
    signer: Annotated[
        str,
        Meta(
            description='What signs the log: "file", or an entry point of the group freehold.signers, as "NAME" or "NAME:KEY". One that is '
            "named later signs beside those before it, until they are retired.",
            examples=["acme:ledger-2027"],
        ),
    ] = "file"


class Workload(Struct, frozen=True, kw_only=True):
    """[workloads.NAME]: a recurring job."""

    name: str
    route: Annotated[
        tuple[TargetSettings, ...],
        Meta(description="Which models may answer, first to last.", examples=[["requested"]]),
    ]
    strategy: Annotated[Strategy, Meta(description="How the first is picked; the rest follow as failover.")] = "ordered"
    sticky: Annotated[bool, Meta(description="Same prompt prefix, same deployment: keeps vendors' caches warm.")] = (
        False
    )
    hedge: Annotated[Hedge | None, Meta(description="Send a second request when the first is slow.")] = None
    retries: Annotated[int, Meta(ge=0, le=10, description="Further tries on one deployment before the next.")] = 2
    budget: Annotated[tuple[Budget, ...], Meta(description="One table or a list of them.")] = ()
    limits: Annotated[Limits | None, Meta(description="Rates of the whole workload.")] = None
    timeouts: Annotated[Timeouts | None, Meta(description="Instead of [timeouts].")] = None
    capture: Annotated[Capture | None, Meta(description="What is kept for trials.")] = None
    shadow: Annotated[Shadow | None, Meta(description="A candidate that gets copies of what is captured.")] = None
    canary: Annotated[CanaryRules | None, Meta(description="By which rules a canary of it advances and ends.")] = None
    judging: Annotated[
        Judging | None, Meta(description="Lets graders that ask models take part in canaries and shadows.")
    ] = None
    graders: Annotated[
        tuple[dict[str, Any], ...],
        Meta(
            description="How replies are graded, each a table with its `kind` (see graders.md); the first one decides a trial.",
            examples=[[{"kind": "exact"}]],
        ),
    ] = ()
    durability: Annotated[Durability | None, Meta(description="Instead of the ledger's.")] = None
    contents: Annotated[bool | None, Meta(description="Instead of the ledger's.")] = None
    keep_days: Annotated[Positive | None, Meta(description="Instead of the ledger's.")] = None
    trace: Annotated[
        bool | Literal["inline"],
        Meta(
            description='Verify the reasoning of every answer: true after it is given, "inline" before (streams after). The '
            "trace is sealed with the ledger's contents, and holds the words that it checked."
        ),
    ] = False


class PriceSettings(Struct, frozen=True, kw_only=True):
    """[prices."VENDOR/MODEL"]: your own price, before the catalog's. The file writes US dollars per million tokens; here
    they are nano-dollars per million tokens."""

    model: str
    input: Annotated[Dollars, Meta(description="Input tokens.", examples=[0.25])]
    output: Annotated[Dollars, Meta(description="Output tokens.", examples=[2])]
    cache_read: Annotated[Dollars | None, Meta(description="Cached input tokens; default: as input.")] = None
    cache_write: Annotated[Dollars | None, Meta(description="Tokens written to a cache; default: as input.")] = None


class Engine(Struct, frozen=True, kw_only=True):
    """[own.NAME]: a model of your own, as own/NAME: served on this machine from `weights`, by a server of yours at `url`, or as an `adapter` of
    another one."""

    name: str
    weights: Annotated[
        str,
        Meta(
            description="A name that `freehold models fetch` knows, the path of a GGUF file (for vLLM: of a folder), or "
            '"registry" for the promoted version.',
            examples=["smollm2-135m"],
        ),
    ] = ""
    engine: Annotated[
        Literal["llama.cpp", "vllm", "other"] | None,
        Meta(
            description='What serves it. Default: "llama.cpp"; with `url`, where it says what the server there understands, "other".'
        ),
    ] = None
    command: Annotated[
        tuple[str, ...],
        Meta(description="How vLLM is started, before the options that Freehold adds.", examples=[["vllm", "serve"]]),
    ] = ("vllm", "serve")
    url: Annotated[
        str | None,
        Meta(description="A running server that speaks OpenAI's Chat Completions, as its base URL; or { env = .. }."),
    ] = None
    model: Annotated[str | None, Meta(description="The name that the server at `url` knows it by; default: NAME.")] = (
        None
    )
    api_key: Annotated[
        Secret | None, Meta(description='The key of that server: { env = "NAME" } or { file = "PATH" }.')
    ] = None
    headers: Annotated[dict[str, str], Meta(description="Headers for that server; values may be { env = .. }.")] = {}
    base: Annotated[
        str | None, Meta(description="own/OTHER: the model that `adapter` changes; both are served by its engine.")
    ] = None
    adapter: Annotated[
        File | None,
        Meta(description="A LoRA adapter: a GGUF file for llama.cpp, a folder in the format of PEFT for vLLM."),
    ] = None
    thinking: Annotated[
        str | None,
        Meta(
            description='The variable of the chat\'s template that turns thinking on and off, or "" where it never thinks; default: '
            "as the template in the weights says."
        ),
    ] = None
    context: Annotated[
        Annotated[int, Meta(ge=128)] | None,
        Meta(description="Context window, in tokens, for each caller. Default: 4096, or less where it reads less."),
    ] = None
    parallel: Annotated[int, Meta(ge=1, le=256, description="Callers served at once.")] = 8
    threads: Annotated[
        Positive | None, Meta(description="CPU threads; default: all cores, and one for weights below a megabyte.")
    ] = None


class Person(Struct, frozen=True, kw_only=True):
    """[people.NAME]: somebody who answers for things with a signature of their own."""

    name: str
    key: Annotated[
        str,
        Meta(
            description="Their verifier key, as `freehold people create` printed it.",
            examples=["ann+5b4616a6+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs"],
        ),
    ]


class Settings(Struct, frozen=True, kw_only=True):
    """The whole configuration. `source` is the file it came from; None when there was none."""

    door: Door = Door()
    timeouts: Timeouts = Timeouts()
    vendors: dict[str, VendorSettings] = {}
    workloads: dict[str, Workload] = {}
    plans: dict[str, CustomerPlan] = {}
    projects: dict[str, Project] = {}
    prices: dict[str, PriceSettings] = {}
    own: dict[str, Engine] = {}
    ledger: Ledger = Ledger()
    people: dict[str, Person] = {}
    source: str | None = None
