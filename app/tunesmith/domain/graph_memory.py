"""Own how ggml lays the intermediate results of a computation out in memory, reckoned without ggml.

A result takes room from when it is computed until the last that reads it; some take over the room of what
they are made of; the free piece that fits best is taken, else the end grows. Source of these rules:
ggml-alloc.c (``ggml_gallocr_alloc_graph_impl``, ``ggml_dyn_tallocr_alloc``) and, for several devices,
``ggml_backend_sched_split_graph`` of ggml-backend.cpp, at the llama.cpp of llama-cpp-python 0.3.36.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from typing import NamedTuple

F32_BYTES = 4
UNDECIDED = -1
"""The place of what may be computed anywhere."""
HOST_ALIGNMENT, DEVICE_ALIGNMENT = 32, 128
"""Bytes: of a CPU buffer, and the largest that a backend is known to use."""


class BufferSize(NamedTuple):
    """A buffer, bytes."""

    reserved: int
    touched: int
    """What is usually written to: memory that is not takes no room."""


class Node:
    """One result: an input, what an operation gives, or a view of another."""

    __slots__ = (
        "children", "external", "inplace", "is_op", "kept", "layout", "offset", "place", "root", "seen",
        "size", "sources", "taken", "touched", "views",
    )  # fmt: skip

    def __init__(
        self, size: int, layout: object, sources: tuple[Node, ...], place: int, *, root: Node | None = None,
        inplace: bool = False, is_op: bool = True, external: bool = False,
    ) -> None:  # fmt: skip
        self.size = size
        self.layout = layout
        self.sources = sources
        self.place = place
        self.root = root
        """What this is a view of."""
        self.inplace = inplace
        self.is_op = is_op
        self.external = external
        """Lies in memory that is not the buffer's: weights and caches."""
        self.kept = False
        """Is given out and never freed."""
        self.touched = size
        """How much of it is usually written to, bytes."""
        self.seen = False
        self.children = 0
        self.views = 0
        self.offset = 0
        self.taken = False


class Graph:
    """A computation, built in the order in which llama.cpp builds it."""

    def __init__(self) -> None:
        self.place = 0
        """The device of what is added now; 0 is main memory."""
        self._leafs: list[Node] = []
        self._nodes: list[Node] = []

    def input(self, size: int) -> Node:
        """Something that is given, of ``size`` bytes, in main memory."""
        return Node(size, None, (), 0, is_op=False)

    def op(self, dims: Sequence[int], *sources: Node, inplace: bool = False) -> Node:
        """F32 numbers that an operation without weights gives; its neighbours decide where.

        Args:
            dims: elements along each dimension.
            sources: what it is made of.
            inplace: whether it may take the place of a source of the same layout.
        """
        return Node(math.prod(dims) * F32_BYTES, (F32_BYTES, *dims), sources, UNDECIDED, inplace=inplace)

    def weigh(self, dims: Sequence[int], *sources: Node, inplace: bool = False) -> Node:
        """F32 numbers that an operation with weights gives, where those lie; else as :meth:`op`."""
        return Node(math.prod(dims) * F32_BYTES, (F32_BYTES, *dims), sources, self.place, inplace=inplace)

    def norm(self, source: Node, dims: tuple[int, ...]) -> Node:
        """A norm with its weight, in place where nothing else reads the source."""
        return self.weigh(dims, self.op(dims, source, inplace=True), inplace=True)

    def view(self, source: Node, *dims: int, part: bool = False) -> Node:
        """A view of a result; ``part`` where it is not all of it, so that nothing can take its place."""
        root = source.root if source.root is not None else source
        layout = (F32_BYTES, *dims, "part") if part else (F32_BYTES, *dims)
        return Node(0, layout, (source,), source.place, root=root, external=root.external)

    def stored(self, *sources: Node) -> Node:
        """Something written to a cache or a state."""
        return Node(0, None, sources, self.place, external=True)

    def expand(self, node: Node) -> None:
        """Have a result computed now, and before it what it is made of."""
        stack: list[tuple[Node, int]] = [(node, 0)]
        if node.seen:
            return
        node.seen = True
        while stack:
            current, index = stack.pop()
            while index < len(current.sources):
                source = current.sources[index]
                index += 1
                if not source.seen:
                    source.seen = True
                    stack.append((current, index))
                    current, index = source, 0
            (self._nodes if current.is_op else self._leafs).append(current)

    def reserve(self, places: int, *, copies: int = 1) -> tuple[BufferSize, ...]:
        """The size of each place's buffer; of what is copied between them there are so many copies."""
        buffers = [_Buffer(DEVICE_ALIGNMENT if place else HOST_ALIGNMENT) for place in range(places)]
        _decide_places(self._nodes, single=places == 1)
        order, copied = (self._nodes, []) if places == 1 else _with_copies(self._nodes)
        for leaf in [*self._leafs, *copied] if copies > 1 else ():
            leaf.kept = True
            for _ in range(copies - 1):
                buffers[leaf.place].take(leaf.size, leaf.size)
            _take(leaf, buffers)
        for leaf in self._leafs:
            _take(leaf, buffers)
        for node in order:
            if node.root is not None and node.is_op:
                node.root.views += 1
            for source in node.sources:
                source.children += 1
        for node in order:
            for source in node.sources:
                _take(source, buffers)
            _take(node, buffers)
            for source in node.sources:
                source.children -= 1
                if source.children == 0 and source.views == 0:
                    _let_go(source, buffers)
        return tuple(BufferSize(buffer.size, buffer.touched) for buffer in buffers)


def _take(node: Node, buffers: Sequence[_Buffer]) -> None:
    if node.taken or node.external or node.root is not None:
        return
    node.taken = True
    if node.inplace:
        for parent in node.sources:
            if _take_over(node, parent):
                return
    node.offset = buffers[node.place].take(node.size, node.touched)


def _take_over(node: Node, parent: Node) -> bool:
    """Whether a result takes the place of what it is made of, which nothing else reads; a view has none."""
    if parent.root is not None or not parent.taken or parent.kept or parent.layout != node.layout:
        return False
    if parent.children != 1 or parent.views != 0:
        return False
    parent.taken = False
    node.offset, node.place = parent.offset, parent.place
    return True


def _let_go(node: Node, buffers: Sequence[_Buffer]) -> None:
    if node.root is not None:
        root = node.root
        root.views -= 1
        if root.views == 0 and root.children == 0:
            _free(root, buffers)
    else:
        _free(node, buffers)


def _free(node: Node, buffers: Sequence[_Buffer]) -> None:
    if node.taken and not node.kept:
        node.taken = False
        buffers[node.place].give_back(node.offset, node.size)


def _decide_places(nodes: Sequence[Node], *, single: bool) -> None:
    """Put what has no weights where its neighbours are: devices spread first, downwards before upwards."""
    done = [node for node in nodes if node.root is None]
    if single:
        for node in done:
            node.place = 0
    else:
        for devices_only in (True, False):
            for order in (done, list(reversed(done))):
                place = UNDECIDED
                for node in order:
                    if node.place == UNDECIDED:
                        node.place = place
                    else:
                        place = UNDECIDED if devices_only and node.place == 0 else node.place
    for node in nodes:
        if node.root is not None:
            node.place = node.root.place


def _with_copies(nodes: Iterable[Node]) -> tuple[list[Node], list[Node]]:
    """The nodes with copies of what a device reads from another, made as its turn begins; and the copies."""
    copies: dict[tuple[int, int], Node] = {}
    order: list[Node] = []
    run: list[Node] = []
    place: int | None = None
    for node in nodes:
        if node.root is None:
            if place is not None and node.place != place:
                order += _with_inputs(run, place, copies)
                run = []
            place = node.place
        run.append(node)
    return order + _with_inputs(run, place or 0, copies), list(copies.values())


def _with_inputs(run: Sequence[Node], place: int, copies: dict[tuple[int, int], Node]) -> list[Node]:
    made: list[Node] = []
    for node in run:
        if node.root is not None:
            continue
        sources = []
        for source in node.sources:
            if source.place == place or source.external:
                sources.append(source)
                continue
            key = (id(source), place)
            if key not in copies:
                size = source.size or _size_of(source.layout)
                copies[key] = Node(size, source.layout, (), place, is_op=False)
                root = source.root or source
                made += (Node(0, None, (source,), source.place, root=root, is_op=False), copies[key])
            sources.append(copies[key])
        node.sources = tuple(sources)
    return [*made, *run]


def _size_of(layout: object) -> int:
    """Bytes of a view's copy."""
    return math.prod(part for part in layout if isinstance(part, int)) if isinstance(layout, tuple) else 0


class _Buffer:
    """One device's buffer: its free pieces, and how far it was ever filled."""

    def __init__(self, alignment: int) -> None:
        self._alignment = alignment
        self._free: list[tuple[int, int]] = []
        """Offset and size of each free piece before the end, by offset; neighbours are one piece."""
        self._end = 0
        """Where the endless last piece begins."""
        self.size = 0
        self.touched = 0

    def _aligned(self, size: int) -> int:
        return -(-size // self._alignment) * self._alignment

    def take(self, size: int, touched: int) -> int:
        offset = self._find(self._aligned(size))
        self.touched = max(self.touched, offset + touched)
        return offset

    def _find(self, size: int) -> int:
        best = -1
        for index, (_, room) in enumerate(self._free):
            if room >= size and (best < 0 or room <= self._free[best][1]):
                best = index
        if best < 0:
            offset = self._end
            self._end += size
            self.size = max(self.size, self._end)
            return offset
        offset, room = self._free[best]
        if room == size:
            del self._free[best]
        else:
            self._free[best] = (offset + size, room - size)
        return offset

    def give_back(self, offset: int, size: int) -> None:
        size = self._aligned(size)
        if size == 0:
            return
        index = bisect_left(self._free, (offset, 0))
        if index < len(self._free) and offset + size == self._free[index][0]:
            size += self._free.pop(index)[1]
        if index > 0 and sum(self._free[index - 1]) == offset:
            before = self._free.pop(index - 1)
            offset, size = before[0], before[1] + size
        if offset + size == self._end:
            self._end = offset
        else:
            insort(self._free, (offset, size))
