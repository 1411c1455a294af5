"""Values of the model made without converting and validating what has been before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from rota._making import opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["copier", "maker", "setter"]

T = TypeVar("T", bound=attrs.AttrsInstance)


def copier(
    cls: type[T], *changed: str, also: Iterable[str] = (), **expressions: str
) -> Callable[..., T]:
    """Make a function that copies an instance of an attrs class with slots, given the fields that differ in this order.

    Nothing is converted or validated anew, and the fields are set one by one in generated code, as in the initializers
    that attrs generates. It takes a fifth of the time of `attrs.evolve`; claiming consists of it for the most part.

    :param also: slots besides the fields. Fields that are in no slot are left out.
    :param expressions: slots besides the fields whose values are told in Python, of which `original` is the original
    """
    fields = (*(field.name for field in attrs.fields(cls)), *also)
    names = [name for name in fields if hasattr(getattr(cls, name, None), "__set__")]
    values = [name if name in changed else f"original.{name}" for name in names]
    names += expressions.keys()
    values += expressions.values()
    return _generate(cls, ("original", *changed), zip(names, values, strict=True), {})


def maker(cls: type[T], *given: str) -> Callable[..., T]:
    """Make a function that makes an instance of an attrs class with slots, given some fields in this order.

    The others have their defaults. What is given must be as the initializer would leave it: nothing is converted or
    validated. It is for values that are made of other values of the model, many at a time.
    """
    values: dict[str, str] = {}
    defaults: dict[str, Any] = {}
    for field in attrs.fields(cls):
        if field.name in given:
            values[field.name] = field.name
        elif isinstance(field.default, attrs.Factory):  # type: ignore[arg-type]  # a class, whatever its stub says
            defaults[f"make_{field.name}"] = field.default.factory
            values[field.name] = f"make_{field.name}()"
        else:
            assert field.default is not attrs.NOTHING, f"{field.name} has no default"
            defaults[f"default_{field.name}"] = field.default
            values[field.name] = f"default_{field.name}"
    return _generate(cls, given, values.items(), defaults)


def setter(cls: Any, open_cls: Any, *fields: str) -> Callable[..., None]:
    """Make a function that sets fields of an instance of an attrs class with slots, given their values in this order.

    It is for an initializer that has converted and validated them: it takes a third of the time of the one that attrs
    makes. An instance of a derived class, which may have more fields, has its own initializer called.

    :param open_cls: what `opened(cls)` has returned; an instance of it becomes one of `cls`
    """
    lines = [
        f"def set_all(made, {', '.join(fields)}):",
        "    if type(made) is not open_cls:",
        f"        return made.__attrs_init__({', '.join(f'{name}={name}' for name in fields)})",
        *(f"    made.{name} = {name}" for name in fields),
        "    made.__class__ = cls",
    ]
    namespace = {"cls": cls, "open_cls": open_cls}
    exec("\n".join(lines), namespace)
    function: Callable[..., None] = namespace["set_all"]
    return function


def _generate(
    cls: type[T],
    parameters: Iterable[str],
    values: Iterable[tuple[str, str]],
    namespace: dict[str, Any],
) -> Callable[..., T]:
    """Return a function that makes an instance and puts expressions of the parameters into its slots."""
    namespace |= {"new": object.__new__, "cls": cls}
    lines = [f"def make({', '.join(parameters)}):"]
    if cls.__module__.partition(".")[0] == "rota":
        namespace["opened"] = opened(cls)
        lines += ["    made = new(opened)"]
        lines += [f"    made.{name} = {value}" for name, value in values]
        lines += ["    made.__class__ = cls"]
    else:  # a user's may want to know of its subclasses
        lines += ["    made = new(cls)"]
        for name, value in values:
            lines.append(f"    set_{name}(made, {value})")
            namespace[f"set_{name}"] = getattr(cls, name).__set__
    lines.append("    return made")
    exec("\n".join(lines), namespace)
    function: Callable[..., T] = namespace["make"]
    return function
