"""Operations that write into memory that the model was given, or that it used before."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import torch

from support.identity.flow import Flow, operation, permutation


def _writable(flow: Flow) -> bool:
    """Return whether the edges are a plain tensor each of whose numbers has a place of its own."""
    return type(flow.edges) is torch.Tensor and bool(flow.size) and not flow.shared


def _in_place(name, *, seen=True):
    """Enter a function that writes the columns of ``edges`` over, in the order it is given."""

    def enter(write):
        def do(flow, rng):
            if not _writable(flow):
                return None
            order = permutation(flow, rng)
            if not seen and torch.equal(flow.edges[:, order], flow.edges):
                return None  # what nothing sees and changes no number has not happened
            write(flow.edges, order)
            return flow.having(flow.edges, flow.tag[order])

        operation(name, known=False, writes=True)(do)
        return write

    return enter


@_in_place("copy_")
def _copy(edges, order):
    edges.copy_(edges[:, order])


@_in_place("assign all")
def _assign(edges, order):
    edges[:, :] = edges[:, order]


@_in_place("assign rows")
def _assign_rows(edges, order):
    edges[0], edges[1] = edges[0][order], edges[1][order]


@_in_place("index_put_")
def _index_put(edges, order):
    new = edges[:, order]
    edges[:, torch.arange(edges.size(1))] = new


@_in_place("index_copy_")
def _index_copy(edges, order):
    edges.index_copy_(1, torch.arange(edges.size(1)), edges[:, order])


@_in_place("masked_scatter_")
def _masked_scatter(edges, order):
    edges.masked_scatter_(torch.ones_like(edges, dtype=torch.bool), edges[:, order].contiguous())


@_in_place("scatter_")
def _scatter(edges, order):
    edges.scatter_(1, torch.arange(edges.size(1)).expand(2, -1), edges[:, order])


@_in_place("write through an alias")
def _alias(edges, order):
    alias = edges.as_strided(edges.size(), edges.stride(), edges.storage_offset())
    alias.copy_(edges[:, order])


@_in_place("write through rows")
def _through_rows(edges, order):
    new = edges[:, order]
    for row, values in zip(edges.unbind(0), new, strict=True):
        row.copy_(values)


@_in_place("write through data")
def _data(edges, order):
    edges.data.copy_(edges[:, order])


@_in_place("index_select with out=")
def _out(edges, order):
    torch.index_select(edges.clone(), 1, order, out=edges)


@_in_place("set_")
def _set(edges, order):
    edges.set_(edges[:, order].contiguous())


@_in_place("assign data")
def _assign_data(edges, order):
    edges.data = edges[:, order].contiguous()


@_in_place("write through numpy", seen=False)
def _numpy(edges, order):
    shared = edges.numpy()
    shared[:] = shared[:, order.numpy()]


@_in_place("write through dlpack", seen=False)
def _dlpack(edges, order):
    torch.from_dlpack(edges).copy_(edges[:, order])


@_in_place("write through storage", seen=False)
def _storage(edges, order):
    new = torch.empty_strided(edges.size(), edges.stride(), dtype=edges.dtype)
    shared = edges.untyped_storage()
    new.copy_(edges[:, order])
    size = edges.element_size()
    start, end = edges.storage_offset() * size, (edges.storage_offset() + edges.numel()) * size
    if edges.is_contiguous() or edges.t().is_contiguous():
        for at, byte in enumerate(new.untyped_storage().tolist()[: end - start]):
            shared[start + at] = byte
    else:
        edges.numpy()[:] = new.numpy()


@torch.jit.script
def _scripted_copy(edges: torch.Tensor, order: torch.Tensor) -> None:
    edges.copy_(edges[:, order])


@_in_place("write in a script")
def _script(edges, order):
    _scripted_copy(edges, order)


@_in_place("write in another thread", seen=False)
def _thread(edges, order):
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: edges.copy_(edges[:, order])).result()


@operation("exchange two columns in place", known=False, writes=True)
def _two_columns(flow, rng):
    if flow.size < 2 or not _writable(flow):
        return None
    one, two = (int(k) for k in rng.permutation(flow.size)[:2])
    flow.edges[:, [one, two]] = flow.edges[:, [two, one]]
    tag = flow.tag.clone()
    tag[[one, two]] = flow.tag[[two, one]]
    return flow.having(flow.edges, tag)


@operation("exchange ends in place", known=False, writes=True)
def _ends(flow, _):
    if not flow.square or not _writable(flow):
        return None
    flow.edges.copy_(flow.edges.flip(0))
    return flow.having(flow.edges)


@operation("renumber in place", known=False, writes=True)
def _renumber(flow, rng):
    if not flow.square or not _writable(flow):
        return None
    order = torch.from_numpy(rng.permutation(flow.nodes))
    number = torch.empty_like(order)
    number[order] = torch.arange(len(order))
    flow.edges.copy_(number[flow.edges])
    batch = None if flow.batch is None else flow.batch[order]
    return replace(flow, x=flow.x[order], batch=batch)


@operation("a buffer written before every layer", known=False)
def _buffer(flow, rng):
    # The memory is the same in all layers of the model that do this, and in all batches.
    buffer = flow.memory.setdefault("buffer", torch.zeros(2, 4096, dtype=torch.int64))
    if flow.size > buffer.size(1):
        return None
    order = permutation(flow, rng)
    edges = buffer[:, : flow.size]
    edges.copy_(flow.edges[:, order])
    return flow.having(edges, flow.tag[order])


@operation("a buffer with the edges, then written over", known=False)
def _buffer_again(flow, rng):
    found = _buffer(flow, rng)
    if found is None or not found.size:
        return found
    order = permutation(flow, rng)
    found.edges.copy_(found.edges[:, order])
    return found.having(found.edges, found.tag[order])


@operation("a resized buffer", known=False)
def _resized(flow, rng):
    order = permutation(flow, rng)
    buffer = flow.memory.setdefault("resized", torch.zeros(2, 1, dtype=torch.int64))
    buffer.resize_(2, flow.size).copy_(flow.edges[:, order])
    return flow.having(buffer, flow.tag[order])


@operation("freed memory used again", known=True)
def _freed(flow, rng):
    # Two selections one after the other are likely to lie at the same address.
    first = flow.edges[:, permutation(flow, rng)]
    del first
    order = permutation(flow, rng)
    return flow.having(flow.edges[:, order], flow.tag[order])
