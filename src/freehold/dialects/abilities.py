"""What a request needs a model to be able to do, checked against what its vendor cannot.

It knows our words and `Traits.no_abilities`, no dialect and no vendor. Exists because leaving out a picture or a tool
would change the answer in silence: asking for what a deployment cannot do is an error, before anything is sent.
"""

from collections.abc import Callable, Mapping
from typing import Final

from freehold.dialects.dialect import Traits
from freehold.errors import Unsupported
from freehold.messages import Audio, File, Image, Part, Request, ToolResult


def require(request: Request, traits: Traits) -> None:
    """Raises `Unsupported` when the request needs an ability that the deployment lacks. Cheap when it lacks none."""
    for ability in traits.no_abilities:
        needs = _NEEDS.get(ability)
        if needs is not None and needs(request):
            what, param = _SENTENCES[ability]
            raise Unsupported(
                f"The deployment chosen for {request.model!r} {what}.",
                "Name a model that can, or add one to the route.",
                param=param,
            )


def _forces_a_tool(request: Request) -> bool:
    return request.tool_choice is not None and request.tool_choice.mode in ("required", "function")


def _names_a_tool(request: Request) -> bool:
    return request.tool_choice is not None and request.tool_choice.mode == "function"


def _asks_for(kind: str) -> Callable[[Request], bool]:
    return lambda request: request.output is not None and request.output.kind == kind


def _holds(kind: type[Part]) -> Callable[[Request], bool]:
    def holds(request: Request) -> bool:
        return any(_in(kind, message.parts) for message in request.messages)

    return holds


def _in(kind: type[Part], parts: tuple[Part, ...]) -> bool:
    for part in parts:
        if isinstance(part, kind):
            if not (isinstance(part, File) and part.text is not None):  # a document of text can go as text
                return True
        elif isinstance(part, ToolResult) and _in(kind, part.parts):
            return True
    return False


_NEEDS: Final[Mapping[str, Callable[[Request], bool]]] = {
    "tools": lambda request: bool(request.tools),
    "vision": _holds(Image),
    "audio": _holds(Audio),
    "files": _holds(File),
    "json_schema": _asks_for("json_schema"),
    "json_object": _asks_for("json_object"),
    "forced_tool_choice": _forces_a_tool,
    "named_tool_choice": _names_a_tool,
    "streaming": lambda request: request.stream,
    "n": lambda request: request.n is not None and request.n > 1,
}

_SENTENCES: Final[Mapping[str, tuple[str, str]]] = {
    "tools": ("cannot call tools", "tools"),
    "vision": ("cannot read images", "messages"),
    "audio": ("cannot listen to audio", "messages"),
    "files": ("cannot read files", "messages"),
    "json_schema": ("cannot be held to a JSON schema", "response_format"),
    "json_object": ("cannot be held to JSON", "response_format"),
    "forced_tool_choice": ("cannot be forced to call a tool", "tool_choice"),
    "named_tool_choice": ("cannot be forced to call one named tool", "tool_choice"),
    "streaming": ("cannot stream", "stream"),
    "n": ("cannot give more than one choice", "n"),
}
