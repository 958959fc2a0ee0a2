"""A place for thoughts in the chat template of a base that has none: without it what serves the model takes its thoughts for its answer.

llama.cpp and vLLM learn from the template how a model marks its thinking, and the door learns from it whether a caller can turn that off. It knows templates that
write the content of a message in one place, as most do.
"""

import re
from typing import Any

from freehold.training.tasks.task import END, NO_THINK, THINK

_CONTENT = re.compile(r"\bmessage(?:\.content\b|\[(?P<sign>['\"])content(?P=sign)\])")

_THOUGHTS = f"(('{THINK}' + message['reasoning_content'] + '{END}') if message['role'] == 'assistant' and message['reasoning_content'] else '')"
_SWITCH = f"('{NO_THINK}' if loop.last and message['role'] == 'user' and enable_thinking is defined and not enable_thinking else '')"


NO_PLACE = "The chat template of the base has no one place for what a turn says, so thoughts have none in it: what serves the model will leave them in its answers."


def place_thoughts(tokenizer: Any, *, thinks: bool, switch: bool) -> bool:
    """Gives the tokenizer's template a place for thoughts where the model is to think, and a switch where it is to learn one; False where that cannot be done."""
    if not thinks or not tokenizer.chat_template:
        return True
    made = with_thoughts(tokenizer.chat_template, switch=switch)
    if made is not None:
        tokenizer.chat_template = made
    return made is not None


def with_thoughts(template: str, *, switch: bool) -> str | None:
    """The template with a place for the thoughts of earlier turns, and where there is a `switch` with the control token that turns thinking off behind the last
    question. As it is where it speaks of thinking already; None where its content stands in no one place."""
    if THINK in template or "reasoning_content" in template:
        return template
    places = list(_CONTENT.finditer(template))
    if len(places) != 1:
        return None
    (place,) = places
    said = " + ".join([_THOUGHTS, place[0], *([_SWITCH] if switch else [])])
    return f"{template[: place.start()]}({said}){template[place.end() :]}"
