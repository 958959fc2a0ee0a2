"""Where each value came from, and that secrets stay hidden."""

from collections.abc import Callable

from freehold.config.origins import origins
from freehold.config.reading import Reading

Parse = Callable[..., Reading]

TEXT = """[door]
port = 9000
[timeouts]
total = 50
[vendors.openai]
api_key = { env = "KEY" }
headers = { x-team = "a", x-auth = { env = "AUTH" } }
[vendors.echo]
proxy = "http://user:secret@p:1"
[workloads.a]
route = ["echo/echo",
  { model = "openai/x", when = { vision = true } }]
timeouts = { idle = 5 }
budget = { usd = "0.50", per = "day" }
[prices."openai/x"]
input = 0.000000001
output = 2
"""


def shown(read_text: Parse, text: str, **environ: str) -> dict[str, tuple[object, str]]:
    found = origins(read_text(text, **environ))
    return {".".join(str(part) for part in origin.path): (origin.value, origin.origin) for origin in found}


def test_each_value_names_its_line_its_variable_or_the_default(read_text: Parse) -> None:
    found = shown(read_text, TEXT, KEY="sk-secret", AUTH="secret", ANTHROPIC_API_KEY="sk-secret")

    assert found["door.port"] == (9000, "freehold.toml:2")
    assert found["door.host"] == ("127.0.0.1", "default")
    assert found["timeouts.total"] == (50.0, "freehold.toml:4")
    assert found["vendors.openai.api_key"] == ("(hidden)", "freehold.toml:6 (env KEY)")
    assert found["vendors.anthropic.api_key"] == ("(hidden)", "env ANTHROPIC_API_KEY")
    assert found["vendors.anthropic.base_url"] == (None, "default")
    assert found["vendors.openai.headers.x-team"] == ("a", "freehold.toml:7")
    assert found["vendors.openai.headers.x-auth"] == ("(hidden)", "freehold.toml:7 (env AUTH)")
    assert found["vendors.echo.proxy"] == ("http://(hidden)@p:1", "freehold.toml:9")
    assert found["workloads.a.route"] == (
        ["echo/echo", {"model": "openai/x", "weight": 1.0, "when": {"vision": True}}],
        "freehold.toml:11",
    )
    assert found["workloads.a.strategy"] == ("ordered", "default")
    assert found["workloads.a.timeouts.idle"] == (5.0, "freehold.toml:13")
    assert found["workloads.a.timeouts.total"] == (50.0, "freehold.toml:4")
    assert found["workloads.a.timeouts.connect"] == (5.0, "default")
    assert found["workloads.a.budget"] == ([{"usd": "0.5", "per": "day", "hard": True}], "freehold.toml:14")
    assert found["workloads.default.route"] == (["requested"], "default")
    assert found["prices.openai/x.input"] == ("0.000000001", "freehold.toml:16")
    assert found["prices.openai/x.cache_read"] == (None, "default")


def test_no_secret_is_ever_part_of_it(read_text: Parse) -> None:
    found = shown(read_text, TEXT, KEY="sk-secret", AUTH="secret", HTTPS_PROXY="http://u:secret@p:1")

    assert "secret" not in repr(found)
    assert found["vendors.openai.proxy"] == ("http://(hidden)@p:1", "env HTTPS_PROXY")


def test_without_a_file_only_the_environment_is_named(read_text: Parse) -> None:
    assert {origin for _, origin in shown(read_text, "").values()} == {"default"}


def test_a_reading_with_problems_has_nothing_to_show(read_text: Parse) -> None:
    assert origins(read_text("[door]\nport = -1\n")) == ()
