"""Units of numbers: in the name of a column, and behind the number in a cell."""

import re

_PREFIX = "(?:da|[fpnumcdkMGT\u00b5])?"
_PREFIXED = ("mol", "M", "g", "L", "Da", "m", "s", "J", "eV", "V", "Pa", "Hz", "cal", "IU", "bar")
_ALONE = (
    *("%", "ppm", "ppb", "ppt", "min", "h", "hr", "hrs", "hour", "hours", "d", "day", "days"),
    *("K", "\u00b0C", "\u00b0F", "\u00c5", "D", "RU", "U", "atm", "Torr", "mmHg", "wt%", "mol%"),
)
_POWER = "(?:\\^?[-+]?[1-4]|[\u207b]?[\u00b9\u00b2\u00b3\u2074])?"
_FACTOR = f"(?:{_PREFIX}(?:{'|'.join(_PREFIXED)})|{'|'.join(map(re.escape, _ALONE))}|sec){_POWER}"
_UNIT = re.compile(rf"{_FACTOR}(?:\s*[/*\u00b7 ]\s*{_FACTOR})*")
_AMBIGUOUS = frozenset("ALVJUDKmd")
"""Letters that may be the label of a series, a multiplier or a footnote as well as a unit."""

_LOG = re.compile(r"-?\s*(?P<log>log10|log|lg|ln)\s*[( ]?\s*(?P<unit>[^()]+?)\s*\)?", re.IGNORECASE)
_BRACKETS = re.compile(r"(?P<name>.*\S)\s*(?:\[(?P<square>[^\[\]]+)\]|\((?P<round>.+)\))\s*")
_SLASH = re.compile(r"(?P<name>.*\S)(?:\s+/\s+|/)(?P<unit>\S.*)")
_LOG_NAME = re.compile(r"(?P<log>log10|log|lg|ln)(?![a-z])", re.IGNORECASE)


def unit(text: str) -> str:
    """Return a unit in one writing, or an empty text if it is none that is known.

    Known are products and quotients of the units of concentration, mass, volume, time, length,
    energy, pressure and temperature with their prefixes, per cent and parts per million.

    Example:
        >>> from edgescope.data.units import unit
        >>> unit("ug/ml"), unit("nM"), unit("mice")
        ('\u00b5g/mL', 'nM', '')
    """
    written = " ".join(text.split()).replace("\u03bc", "\u00b5")
    # Litres are written with either letter, micro with a u where there is no Greek one.
    written = re.sub(r"(?<![A-Za-z])([fpnumcd\u00b5]?)l(?![A-Za-z])", r"\1L", written)
    written = re.sub(r"(?<![A-Za-z])u(?=(?:mol|M|g|L|m|s)(?![A-Za-z]))", "\u00b5", written)
    if written in _AMBIGUOUS or not _UNIT.fullmatch(written):
        return ""
    return re.sub(r"\s*([/*\u00b7])\s*", r"\1", written)


def unit_of_name(column: str) -> str:
    """Return the unit that the name of a column states, or an empty text.

    It stands at the end, in brackets or behind a slash, as in ``sol [mg/L]``, ``IC50 (nM)``,
    ``Ki / nM``. Of a quantity whose name begins with log or ln it is the unit of the number whose
    logarithm was taken, and is called so.

    Example:
        >>> from edgescope.data.units import unit_of_name
        >>> unit_of_name("IC50 (nM)"), unit_of_name("logS (mol/L)"), unit_of_name("score (A)")
        ('nM', 'log mol/L', '')
    """
    found = _BRACKETS.fullmatch(column)
    name, written = (
        ("", "") if found is None else (found["name"], found["square"] or found["round"])
    )
    if found is None:
        slash = _SLASH.fullmatch(column)
        # mg/L by itself is a unit and says nothing of a quantity.
        if slash is not None and not unit(slash["name"]):
            name, written = slash["name"], slash["unit"]
    known = unit(written)
    if known:
        log = _LOG_NAME.match(name)
        # A negative logarithm such as pIC50 has no unit that could be named shortly.
        return f"{log['log'].lower()} {known}" if log else known
    inner = _LOG.fullmatch(written)
    if inner is not None and unit(inner["unit"]) and not written.lstrip().startswith("-"):
        return f"{inner['log'].lower()} {unit(inner['unit'])}"
    return ""
