"""Damages to files on disk: one changed bit, and what disks, copies, people and attackers do."""

import json
import os
import random
import shutil
from pathlib import Path

Rng = random.Random


def files_of(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file())


def flip(root: Path, rng: Rng) -> str:
    """Change one bit of one file."""
    path = rng.choice([each for each in files_of(root) if each.stat().st_size])
    data = bytearray(path.read_bytes())
    place, bit = rng.randrange(len(data)), rng.randrange(8)
    data[place] ^= 1 << bit
    path.write_bytes(data)
    return f"bit {bit} of byte {place} of {path.relative_to(root)}"


def cut(path: Path, rng: Rng, root: Path) -> None:
    path.write_bytes(path.read_bytes()[: rng.randrange(path.stat().st_size)])


def empty(path: Path, rng: Rng, root: Path) -> None:
    path.write_bytes(b"")


def delete(path: Path, rng: Rng, root: Path) -> None:
    path.unlink()


def delete_folder(path: Path, rng: Rng, root: Path) -> None:
    folder = rng.choice([each for each in path.parents if root in each.parents])
    shutil.rmtree(folder)


def duplicate(path: Path, rng: Rng, root: Path) -> None:
    shutil.copy(path, path.with_name(f"copy of {path.name}"))


def duplicate_folder(path: Path, rng: Rng, root: Path) -> None:
    folder = rng.choice([each for each in path.parents if root in each.parents])
    shutil.copytree(folder, folder.with_name(f"{folder.name}1"))


def swap(path: Path, rng: Rng, root: Path) -> None:
    other = rng.choice(files_of(root))
    data = path.read_bytes()
    path.write_bytes(other.read_bytes())
    other.write_bytes(data)


def zeros(path: Path, rng: Rng, root: Path) -> None:
    """What a file holds where a machine lost power before its blocks were written."""
    size = path.stat().st_size
    start = rng.randrange(size)
    path.write_bytes(path.read_bytes()[:start] + bytes(size - start))


def longer(path: Path, rng: Rng, root: Path) -> None:
    path.write_bytes(path.read_bytes() + rng.randbytes(rng.randint(1, 99)))


def noise(path: Path, rng: Rng, root: Path) -> None:
    path.write_bytes(rng.randbytes(path.stat().st_size))


def text(path: Path, rng: Rng, root: Path) -> None:
    path.write_bytes(rng.choice([b"null", b"[]", b"{}", b"3", b'"x"', b"\xff\xfe", b"NaN", b"{"]))


def deep(path: Path, rng: Rng, root: Path) -> None:
    path.write_text(rng.choice(["[", '{"a":']) * 100_000)


def folder(path: Path, rng: Rng, root: Path) -> None:
    path.unlink()
    path.mkdir()


def pipe(path: Path, rng: Rng, root: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def loop(path: Path, rng: Rng, root: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


def zero_device(path: Path, rng: Rng, root: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def huge(path: Path, rng: Rng, root: Path) -> None:
    """A file that says that it is of 2^45 bytes, of which the disk holds none."""
    with path.open("r+b") as file:
        try:
            file.truncate(2**43)
        except OSError:  # a disk that knows no such files
            file.truncate(2**33)


VALUES = (None, True, -1, 2**70, -0.5, float("nan"), "x", "", [], [[]], {}, {"a": 1}, ["a", 2])


def wrong_type(path: Path, rng: Rng, root: Path) -> None:
    """Another value at any place of a JSON file."""
    holders = [each for each in files_of(root) if each.suffix == ".json"] or [path]
    path = rng.choice(holders)
    try:
        plain = json.loads(path.read_bytes())
    except ValueError:
        path.write_text(json.dumps(rng.choice(VALUES)))
        return
    places = list(_places(plain))
    if not places:
        path.write_text(json.dumps(rng.choice(VALUES)))
        return
    holder, key = rng.choice(places)
    if rng.random() < 0.2:
        del holder[key]
    else:
        holder[key] = rng.choice([value for value in VALUES if value != holder[key]])
    path.write_text(json.dumps(plain, indent=rng.choice([None, 1])))


def _places(plain):
    if isinstance(plain, dict | list):
        for key in list(plain) if isinstance(plain, dict) else range(len(plain)):
            yield plain, key
            yield from _places(plain[key])


STRUCTURAL = (
    cut,
    empty,
    delete,
    delete_folder,
    duplicate,
    duplicate_folder,
    swap,
    zeros,
    longer,
    noise,
    text,
    deep,
    folder,
    pipe,
    loop,
    zero_device,
    huge,
    wrong_type,
    wrong_type,
    wrong_type,
)


def damage(root: Path, rng: Rng) -> str:
    """Do one of the structural damages to one file below ``root``."""
    path = rng.choice([each for each in files_of(root) if each.stat().st_size])
    kind = rng.choice(STRUCTURAL)
    if kind in (delete_folder, duplicate_folder) and path.parent == root:
        kind = cut
    kind(path, rng, root)
    return f"{kind.__name__} of {path.relative_to(root)}"
