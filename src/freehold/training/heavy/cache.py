"""A cache of keys and values with room for what comes: a step writes its own, and copies the earlier ones only when the room doubles.

What `transformers` has by itself copies all of them at every token, which takes longer than a model of ten million weights takes for the token; its cache
of a fixed size is attended to whole. A step here costs what its own tokens cost.
"""

from typing import Any

from freehold.training.heavy.libraries import transformers

FIRST = 64
"""Tokens that there is room for beyond the prompt, at first."""


class Roomy(transformers.cache_utils.DynamicLayer):
    """The keys and values of one layer, (rows, heads, tokens, width): `keys` and `values` are the filled part of two buffers."""

    def update(self, key_states: Any, value_states: Any, *_: Any, **__: Any) -> tuple[Any, Any]:
        """Takes those of the next tokens; gives all of them."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            self._rooms: list[Any] = [key_states[..., :0, :], value_states[..., :0, :]]
        filled = self.get_seq_length()
        self._rooms = [
            _put(room, filled, states) for room, states in zip(self._rooms, (key_states, value_states), strict=True)
        ]
        self._show(filled + key_states.shape[-2])
        return self.keys, self.values

    def batch_select_indices(self, indices: Any) -> None:
        """Keeps these rows."""
        filled = self.get_seq_length()
        self._rooms = [room[indices] for room in self._rooms]
        self._show(filled)

    def _show(self, filled: int) -> None:
        self.keys, self.values = (room[..., :filled, :] for room in self._rooms)


def roomy_cache() -> Any:
    """An empty cache for a model whose layers all attend to everything."""
    return transformers.cache_utils.Cache(layer_class_to_replicate=Roomy)


def _put(room: Any, filled: int, states: Any) -> Any:
    """The room with the states behind what fills it: the same, or one twice as large."""
    needed = filled + states.shape[-2]
    if needed > room.shape[-2]:
        wider = states.new_empty((*states.shape[:-2], max(2 * filled, needed + FIRST), states.shape[-1]))
        wider[..., :filled, :] = room[..., :filled, :]
        room = wider
    room[..., filled:needed, :] = states
    return room
