"""What each setting may hold, read from the declarations in `settings.py`: the one place that is read by the reader of
the file, by `config show` and by the reference page, so that the three cannot disagree."""

from typing import cast

from msgspec import NODEFAULT, Struct, inspect


class Setting(Struct, frozen=True, kw_only=True):
    """One setting. `name` is what the file writes, `field` what the Struct calls it. `kind` is its type without None
    and without metadata. `unit` is "usd" for money. `path` says that it names a file."""

    name: str
    field: str
    kind: inspect.Type
    description: str
    required: bool
    default: object = None
    example: object = None
    unit: str | None = None
    path: bool = False


def settings_of(struct: type[Struct]) -> tuple[Setting, ...]:
    """The settings of a table, in the order of their declaration. A field without a description is not one: it is the
    table's own name."""
    found = cast(inspect.StructType, inspect.type_info(struct))
    return tuple(_setting(field) for field in found.fields if "description" in _schema(field.type))


def summary(struct: type[Struct]) -> str:
    """The docstring of a table, as one line."""
    return " ".join((struct.__doc__ or "").split())


def words(kind: inspect.Type) -> str:
    """What a setting holds, in words: `a whole number from 0 to 65535`."""
    match kind:
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType():
            return "a whole number" + _range(kind.ge, kind.gt, kind.le)
        case inspect.FloatType():
            return "a number" + _range(kind.ge, kind.gt, kind.le)
        case inspect.LiteralType():
            return _either([f'"{choice}"' for choice in kind.values])
        case inspect.UnionType():
            return _either([words(bare(one)) for one in kind.types])
        case inspect.StructType():
            return "a table"
        case inspect.DictType():
            return "a table of names and values"
        case inspect.VarTupleType():
            return "a list"
        case _:
            return "text in quotes"


def bare(kind: inspect.Type) -> inspect.Type:
    """The type without metadata and without None."""
    if isinstance(kind, inspect.Metadata):
        return bare(kind.type)
    if isinstance(kind, inspect.UnionType):
        rest = tuple(one for one in kind.types if not isinstance(one, inspect.NoneType))
        if len(rest) == 1:
            return bare(rest[0])
        return inspect.UnionType(rest)
    return kind


def _setting(field: inspect.Field) -> Setting:
    extra = _extra(field.type)
    default = field.default
    if default is NODEFAULT:
        default = None if field.default_factory is NODEFAULT else field.default_factory()
    return Setting(
        name=str(extra.get("name", field.name)),
        field=field.name,
        kind=bare(field.type),
        description=str(_schema(field.type)["description"]),
        required=field.required,
        default=default,
        example=next(iter(cast("list[object]", _schema(field.type).get("examples", ()))), None),
        unit=cast("str | None", extra.get("unit")),
        path=bool(extra.get("path")),
    )


def _schema(kind: inspect.Type) -> dict[str, object]:
    """The description and the examples of a field."""
    if not isinstance(kind, inspect.Metadata):
        return {}
    return cast("dict[str, object] | None", kind.extra_json_schema) or {}  # pyright: ignore[reportUnknownMemberType]


def _extra(kind: inspect.Type) -> dict[str, object]:
    """The `extra` of all layers: the outer ones win."""
    found: dict[str, object] = {}
    if isinstance(kind, inspect.UnionType):
        for one in kind.types:
            found |= _extra(one)
    if isinstance(kind, inspect.Metadata):
        own = cast("dict[str, object] | None", kind.extra)  # pyright: ignore[reportUnknownMemberType]
        found = _extra(kind.type) | (own or {})
    return found


def _range(ge: float | None, gt: float | None, le: float | None) -> str:
    if ge is not None and le is not None:
        return f" from {ge:g} to {le:g}"
    if gt is not None:
        return f" greater than {gt:g}" + ("" if le is None else f", at most {le:g}")
    if ge is not None:
        return f", at least {ge:g}"
    return "" if le is None else f", at most {le:g}"


def _either(choices: list[str]) -> str:
    return choices[0] if len(choices) == 1 else f"{', '.join(choices[:-1])} or {choices[-1]}"
