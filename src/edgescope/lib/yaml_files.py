"""Reading YAML that may be damaged or hostile."""

from collections import Counter
from pathlib import Path
from typing import Any

from edgescope.lib.input_files import DamagedError, first_line, reading, whole


def yaml_of(path: Path, what: str, remedy: str = "correct the file") -> Any:  # noqa: ANN401
    """Return what a YAML file holds.

    Raises:
        InputError: if it is no readable YAML, or its aliases multiply it.
    """
    return yaml_in(whole(path, what), str(path), remedy)


def yaml_in(text: str | bytes, origin: str, remedy: str) -> Any:  # noqa: ANN401  (whatever it holds)
    """Return what a YAML text holds, as :func:`yaml_of`; errors say that it is of ``origin``."""
    import yaml

    try:
        with reading(origin, remedy):
            loader = yaml.SafeLoader(text if isinstance(text, str) else text.decode("utf-8"))
            try:
                node = loader.get_single_node()
                written, spread = _nodes(node, {}, frozenset())
                if spread > 10 * written + 1000:
                    raise ValueError(f"its aliases make {spread:,} values of {written:,}")
                return None if node is None else loader.construct_document(node)
            finally:
                loader.dispose()
    except (yaml.YAMLError, DamagedError) as error:
        cause = error.__cause__ if isinstance(error, DamagedError) else error
        assert cause is not None
        raise DamagedError(
            f"{origin} is not readable YAML ({first_line(cause)}); {remedy}"
        ) from error


def _nodes(node: Any, known: dict[int, int], above: frozenset[int]) -> tuple[int, int]:  # noqa: ANN401  (of yaml)
    """Count the nodes of a YAML file, as written and with every alias in full."""
    import yaml

    if id(node) in above:
        raise ValueError("it holds itself")
    if id(node) in known:
        return 0, known[id(node)]
    below: list[Any] = []
    if isinstance(node, yaml.MappingNode):
        names = Counter((k.tag, k.value) for k, _ in node.value if isinstance(k.value, str))
        if twice := [name for (_, name), count in names.items() if count > 1]:
            raise ValueError(f"the key {twice[0]!r} occurs twice")
    if isinstance(node, yaml.SequenceNode):
        below = node.value
    elif isinstance(node, yaml.MappingNode):
        below = [each for pair in node.value for each in pair]
    counts = [_nodes(each, known, above | {id(node)}) for each in below]
    written = 1 + sum(count[0] for count in counts)
    known[id(node)] = spread = 1 + sum(count[1] for count in counts)
    return written, spread
