"""What the dimensions of tensors stand for: nodes, edges, heads, told by how they are combined.

Every dimension is made of atoms. Two dimensions that an operation puts side by side, number by
number, are of the same atoms; so is what is gathered by an index, and the index. Sizes play no
part, so that a graph with as many edges as nodes, or as many heads, is no special case.
"""

from collections.abc import Sequence
from math import prod

Dim = tuple[int, ...]
"""The atoms of one dimension, slowest first; none for a dimension of size 1."""

Dims = tuple[Dim, ...]
"""The atoms of all dimensions of a tensor."""


class Axes:
    """Atoms, of which some turn out to be the same."""

    def __init__(self) -> None:
        self._parent: list[int] = []
        self._size: list[int] = []
        self._parts: dict[int, dict[tuple[int, int], tuple[Dim, Dim]]] = {}
        self._pieces: dict[int, list[tuple[int, bool]]] = {}
        self._joined: list[tuple[int, Dims]] = []
        self._stacked: dict[int, Dim] = {}
        self._sliced: list[tuple[int, Dim]] = []
        self._selected: dict[int, Dim] = {}

    def new(self, size: int) -> Dim:
        """Return a dimension that stands for something new."""
        if size == 1:
            return ()
        self._parent.append(len(self._parent))
        self._size.append(size)
        return (len(self._parent) - 1,)

    def all_new(self, shape: Sequence[int]) -> Dims:
        """Return dimensions that all stand for something new."""
        return tuple(self.new(size) for size in shape)

    def selected(self, mask: int, size: int) -> Dim:
        """Return the dimension of what is selected by a mask, the same for all that it selects."""
        if mask not in self._selected:
            self._selected[mask] = self.new(size)
        return self._selected[mask]

    def root(self, atom: int) -> int:
        """Return what stands for an atom and all that are the same."""
        while self._parent[atom] != atom:
            self._parent[atom] = self._parent[self._parent[atom]]
            atom = self._parent[atom]
        return atom

    def roots(self, dim: Dim) -> Dim:
        """Return the atoms of a dimension, each as its root."""
        return tuple(self.root(atom) for atom in dim)

    def size(self, dim: Dim) -> int:
        """Return the size of a dimension."""
        return prod(self._size[atom] for atom in dim)

    def join(self, one: Dim, other: Dim) -> Dim:
        """Note that two dimensions are the same; return them as one."""
        if not one or not other:
            return one or other
        if len(one) != len(other):
            cut = self._cut(other, one) if len(one) > len(other) else self._cut(one, other)
            if cut is None:
                return one
            one, other = cut
        if all(self._size[a] == self._size[b] for a, b in zip(one, other, strict=True)):
            for a, b in zip(one, other, strict=True):
                self._join(a, b)
        return one

    def _cut(self, whole: Dim, parts: Dim) -> tuple[Dim, Dim] | None:
        """Divide a dimension like another one."""
        if len(whole) != 1:
            return None
        cut: Dim = ()
        rest: Dim = whole
        for atom in parts[:-1]:
            first, rest = self.split(rest[0], self._size[atom])
            cut += first
        return cut + rest, parts

    def _join(self, one: int, other: int) -> None:
        a, b = self.root(one), self.root(other)
        if a == b:
            return
        joined = self.joined((a,)), self.joined((b,))
        self._parent[b] = a
        if [self.size(each) for each in joined[0]] == [self.size(each) for each in joined[1]]:
            for one_part, other_part in zip(*joined, strict=True):
                self.join(one_part, other_part)
        parts = self._parts.pop(b, {})
        own = self._parts.setdefault(a, {})
        for sizes, halves in parts.items():
            if sizes in own:
                for x, y in zip(own[sizes], halves, strict=True):
                    self.join(x, y)
            else:
                own[sizes] = halves

    def split(self, atom: int, first: int) -> tuple[Dim, Dim]:
        """Divide an atom into ``first`` times the rest; the same way twice gives the same."""
        root = self.root(atom)
        rest = self._size[root] // first
        parts = self._parts.setdefault(root, {})
        if (first, rest) not in parts:
            parts[first, rest] = (self.new(first), self.new(rest))
        return parts[first, rest]

    def halves(self, atom: int) -> tuple[Dim, Dim] | None:
        """Return what an atom was divided into, if it was in one way only."""
        ways = list(self._parts.get(self.root(atom), {}).values())
        if len(ways) != 1:
            return None
        one, other = ways[0]
        return self.roots(one), self.roots(other)

    def note_pieces(self, dim: Dim, pieces: list[tuple[int, bool]]) -> None:
        """Note what a dimension was joined from: sizes, and which pieces are parameters."""
        if len(dim) == 1:
            self._pieces[dim[0]] = pieces

    def pieces(self, atom: int) -> list[tuple[int, bool]] | None:
        """Return what an atom was joined from, if it was."""
        root = self.root(atom)
        return next((each for a, each in self._pieces.items() if self.root(a) == root), None)

    def note_joined(self, dim: Dim, parts: Dims) -> None:
        """Note the dimensions that stand in one, one after the other."""
        if len(dim) == 1:
            self._joined.append((dim[0], parts))

    def part(self, dim: Dim, first: int, size: int) -> Dim | None:
        """Return what stands in a part of a dimension, if all of it was joined into that."""
        at = 0
        for part in self.joined(dim):
            if (at, self.size(part)) == (first, size):
                return part
            at += self.size(part)
        return None

    def joined(self, dim: Dim) -> Dims:
        """Return the dimensions that stand in one, one after the other; none if it is whole."""
        roots = self.roots(dim)
        found = (parts for atom, parts in self._joined if roots == (self.root(atom),))
        return next(found, ())

    def note_slice(self, dim: Dim, whole: Dim) -> None:
        """Note that a dimension is a part of another one, as one of queries, keys and values."""
        if dim:
            self._sliced.append((dim[0], whole))

    def slices(self) -> list[tuple[int, Dim]]:
        """Return the atoms that are a part of another dimension, and that, in the order of time."""
        return [(self.root(atom), self.roots(whole)) for atom, whole in self._sliced]

    def note_stacked(self, dim: Dim, cut: Dim) -> None:
        """Note that parts of one dimension were put along another, as heads along the batch."""
        if dim:
            self._stacked[dim[0]] = cut

    def stacked(self) -> list[tuple[int, Dim]]:
        """Return the atoms of parts that stand along another dimension, and what was divided."""
        return [(self.root(atom), self.roots(cut)) for atom, cut in self._stacked.items()]

    def with_parts(self, atoms: set[int]) -> set[int]:
        """Return atoms, and those that they were divided into."""
        found = set(atoms)
        left = list(atoms)
        while left:
            for halves in self._parts.get(self.root(left.pop()), {}).values():
                for root in (root for half in halves for root in self.roots(half)):
                    if root not in found:
                        found.add(root)
                        left.append(root)
        return found

    def siblings(self, atoms: set[int]) -> set[int]:
        """Return the parts that some atoms were divided into, as a projection into heads."""
        found: set[int] = set()
        for atom in atoms:
            for halves in self._parts.get(self.root(atom), {}).values():
                found.update(root for half in halves for root in self.roots(half))
        return found

    def view(self, dims: Dims, shape: Sequence[int]) -> Dims:
        """Return the dimensions of a tensor that is viewed in another shape."""
        if 0 in shape:
            return self.all_new(shape)
        left = [atom for dim in dims for atom in dim]
        viewed: list[Dim] = []
        for n, size in enumerate(shape):
            own: Dim = ()
            held = 1
            while held < size and left:
                atom = left.pop(0)
                need = size // held
                have = self._size[atom]
                if size % held or (have > need and have % need):
                    return (*viewed, *self.all_new(shape[n:]))
                if have > need:
                    first, rest = self.split(atom, need)
                    own += first
                    left[:0] = rest
                    held *= need
                else:
                    own += (atom,)
                    held *= have
            if held != size:
                return (*viewed, *self.all_new(shape[n:]))
            viewed.append(own)
        return tuple(viewed)

    def broadcast(self, several: Sequence[Dims], shape: Sequence[int]) -> Dims:
        """Return the dimensions of what is computed number by number from several tensors."""
        joined: list[Dim] = []
        for n, size in enumerate(reversed(shape)):
            own: Dim = ()
            for dims in several:
                if n < len(dims) and self.size(dims[-1 - n]) == size:
                    own = self.join(own, dims[-1 - n])
            joined.append(own if self.size(own) == size else self.new(size))
        return tuple(reversed(joined))
