"""Templates filled: Jinja decides what a template is; what most of them hold is filled without its machinery.

Words, values, `or`, `if` and the plain filters are read out of Jinja's own syntax tree once and then joined, at a tenth
of the time; everything else, and whatever goes wrong, is Jinja's. Both give the same text (tests/invitations).
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

from jinja2 import StrictUndefined, Template, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

Values = Mapping[str, str]
Piece = Callable[[Values], str]

_environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=False)
# A template has its values and nothing else: no range, no namespace. (Jinja also walks these for every message.)
_environment.globals.clear()
_FILTERS: dict[str, Callable[[str], str]] = {
    "lower": str.lower, "upper": str.upper, "capitalize": str.capitalize, "trim": str.strip
}  # fmt: skip


class _Elaborate(Exception):
    """The template holds something else than what is read here."""


def filled(source: str, values: Values) -> str:
    """The template with the values in it. Raises what Jinja raises: TemplateError, or what a calculation fails of."""
    plain = _plain(source)
    if plain is not None:
        try:
            return plain(values)
        except KeyError:
            return _compiled(source).render(values)  # it names the unknown value
    return _compiled(source).render(values)


@lru_cache(maxsize=256)
def _compiled(source: str) -> Template:
    return _environment.from_string(source)


@lru_cache(maxsize=256)
def _plain(source: str) -> Piece | None:
    """What fills it; None where only Jinja can. Raises TemplateSyntaxError."""
    try:
        return _joined(_written(_environment.parse(source).body))
    except _Elaborate:
        return None


def _joined(pieces: Sequence[str | Piece]) -> Piece:
    """Words and values in order, as one text with places to fill in."""
    words = "".join([piece.replace("%", "%%") if isinstance(piece, str) else "%s" for piece in pieces])
    fillings = [piece for piece in pieces if not isinstance(piece, str)]
    return lambda values: words % tuple([fill(values) for fill in fillings])


def _written(body: Sequence[nodes.Node]) -> list[str | Piece]:
    pieces: list[str | Piece] = []
    for node in body:
        if isinstance(node, nodes.Output):
            pieces += [part.data if isinstance(part, nodes.TemplateData) else _value(part) for part in node.nodes]
        elif isinstance(node, nodes.If):
            pieces.append(_choice(node))
        else:
            raise _Elaborate
    return pieces


def _choice(node: nodes.If) -> Piece:
    if node.elif_:
        raise _Elaborate
    test, then, otherwise = _value(node.test), _joined(_written(node.body)), _joined(_written(node.else_))
    return lambda values: then(values) if test(values) else otherwise(values)


def _value(node: nodes.Node) -> Piece:
    match node:
        case nodes.Name(name=name):
            return lambda values: values[name]
        case nodes.Const(value=str() as text):
            return lambda _values: text
        case nodes.Or(left=left, right=right):
            first, second = _value(left), _value(right)
            return lambda values: first(values) or second(values)
        case nodes.Filter(
            node=nodes.Expr() as inner, name=name, args=[], kwargs=[], dyn_args=None, dyn_kwargs=None
        ) if name in _FILTERS:
            change, of = _FILTERS[name], _value(inner)
            return lambda values: change(of(values))
    raise _Elaborate
