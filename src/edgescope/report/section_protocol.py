"""What a section of the report is: what it needs, its numbers, its figures and its template."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar

from edgescope.scanning.result import Scan

TEMPLATE = "template.html.j2"
"""The template of a section that is a folder."""


@dataclass(frozen=True)
class Need:
    """A result beside the scan that a section is about.

    Attributes:
        option: name of the option of ``scan.report`` that takes it, such as ``"ablation"``.
        kind: class of the result; anything else is refused.
        load: reads a stored one; None if none is stored.
        call: what makes one, such as ``"es.ablate"``.
        command: the command that makes one, such as ``"ablate"``; empty if there is none.
        stored: where that command leaves it in the folder of a run; empty if nowhere.

    Example:
        >>> import json
        >>> import edgescope as es
        >>> def read(path):
        ...     return json.loads(path.read_text())
        >>> es.report.Need("counts", dict, read, call="counting", stored="counts.json").absence
        'no counts was given; counting makes one'
    """

    option: str
    kind: type
    load: Callable[[Path], Any] | None
    call: str
    command: str = ""
    stored: str = ""

    @property
    def absence(self) -> str:
        """Why the section is not there if this is not."""
        made = f"{self.call} or edgescope {self.command}" if self.command else self.call
        return f"no {self.option} was given; {made} makes one"


@dataclass
class Material:
    """What a report is made of.

    Attributes:
        scan: the scan.
        results: results beside it, by the name of the option of ``scan.report``.
        numbers: what has been gathered so far: the numbers of the page as a whole and of the
            sections before, as in the JSON file.
        commands: the command that makes each result for the run that is reported, by the option
            of ``scan.report``; empty if there is no run.

    Example:
        >>> import edgescope as es
        >>> graphs = es.data.load("solubility").test[:64]
        >>> model = es.models.GAT(**graphs.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
        >>> material = es.report.Material(es.scan(model, es.data.loader(graphs)), results={})
        >>> material.scan.info.graphs, material.numbers
        (64, {})
    """

    scan: Scan
    results: Mapping[str, Any]
    numbers: dict[str, Any] = field(default_factory=dict)
    commands: Mapping[str, str] = field(default_factory=dict)


class Section:
    """A section of the report. A subclass that ``es.report.section`` registers is on every page.

    Attributes:
        name: its id on the page, where it can be linked to.
        title: its heading, also in the table of contents.
        place: sections stand by rising place, those of one place in the order in which they were
            registered. Without one, a section stands after those on results beside the scan; with
            one below zero, on top of the page.
        needs: results beside the scan without which it is absent.
        uses: results beside the scan that it shows as well if they are there.
        key: key of its numbers in the JSON file; its name by default, with ``_`` for ``-``. None
            if it has none of its own.
        template: what stands below its heading, as a Jinja template; by default the file
            ``template.html.j2`` in the folder of its module. It is given ``section``, its own
            numbers, and ``numbers``, all of the JSON file, and can write ``figure(name, kind)`` and
            ``reading(kind)``, and format with ``number``, ``percent``, ``fixed`` and ``plural``.
            What it shows is escaped.

    Example:
        >>> class Prevalence(Section):
        ...     name, title, place = "prevalence", "How common they are", 250
        ...     template = "<p>{{ section.share | percent }} of the edges.</p>"
        ...
        ...     def numbers(self, material):
        ...         found = material.scan.massive_edges()
        ...         return {"share": found["massive"].sum() / found["edges"].sum()}
        >>> Prevalence.key
        'prevalence'
    """

    name: ClassVar[str]
    title: ClassVar[str]
    place: ClassVar[int] = 1050
    needs: ClassVar[tuple[Need, ...]] = ()
    uses: ClassVar[tuple[Need, ...]] = ()
    key: ClassVar[str | None] = None
    template: ClassVar[str] = ""

    def __init_subclass__(cls) -> None:
        """Name the key of its numbers."""
        super().__init_subclass__()
        if "key" not in cls.__dict__ and "name" in cls.__dict__:
            cls.key = cls.name.replace("-", "_")

    def heading(self, material: Material) -> str:  # noqa: ARG002  (for subclasses)
        """Return its heading on this page, where it is another than its title."""
        return self.title

    def absence(self, material: Material) -> str:
        """Return why the section is not there; empty if it is."""
        lacking = [need.absence for need in self.needs if need.option not in material.results]
        return lacking[0] if lacking else ""

    def numbers(self, material: Material) -> Any:  # noqa: ANN401  (whatever JSON can hold)
        """Return its numbers: dictionaries, lists, texts and numbers, which JSON can hold.

        Raises:
            InputError: if a result does not belong to the scan.
        """

    def figures(self, numbers: dict[str, Any]) -> dict[str, str]:  # noqa: ARG002  (for subclasses)
        """Draw its figures from the numbers of the report.

        Returns:
            SVG elements, as :func:`edgescope.plots.svg.render` returns, by names that no other
            section uses.
        """
        return {}

    def readings(self, numbers: dict[str, Any]) -> dict[str, str]:  # noqa: ARG002  (as above)
        """Return how to read each kind of figure, in two plain sentences."""
        return {}

    def context(self, numbers: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002  (as above)
        """Return what else its template uses, by name."""
        return {}

    def source(self) -> str:
        """Return the text of its template."""
        if self.template:
            return self.template
        return files(type(self).__module__).joinpath(TEMPLATE).read_text(encoding="utf-8")
