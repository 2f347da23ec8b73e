"""Own the layers that keep a state in place of a cache, in the graph that memory is reckoned from.

Source: as :mod:`tunesmith.domain.compute_buffer`'s.
"""

from __future__ import annotations

from tunesmith.domain.graph_memory import Graph, Node
from tunesmith.domain.shape import ModelShape, Parts


class Recurrent:
    """Adds such layers to a graph."""

    def __init__(self, graph: Graph, shape: ModelShape, copies: Node, *, tokens: int, n_seqs: int) -> None:
        """Nothing is added yet.

        Args:
            graph: what is added to.
            shape: the model's.
            copies: the input that says which states are copied.
            tokens: of the micro-batch, a multiple of the sequences.
            n_seqs: sequences.
        """
        self._graph = graph
        self._shape = shape
        self._width = shape.embedding_length
        self._copies = copies
        self._tokens = tokens
        self._n_seqs = n_seqs

    def mamba(self, parts: Parts, source: Node) -> Node:
        """A layer of Mamba."""
        graph, tokens, seqs = self._graph, self._tokens, self._n_seqs
        inner, state = self._shape.inner_size, self._shape.state_size
        kernel = parts["ssm_conv1d.weight"].dims[0]
        rank = parts["ssm_x.weight"].dims[1] - 2 * state
        before = graph.view(self._state((kernel - 1) * inner), kernel - 1, inner, seqs)
        both = graph.weigh((2 * inner, tokens), graph.view(source, self._width, tokens // seqs, seqs))
        x, z = (graph.view(both, inner, tokens // seqs, seqs, part=True) for _ in range(2))
        joined = graph.op(
            (kernel - 1 + tokens // seqs, inner, seqs), before, graph.view(x, tokens // seqs, part=True)
        )
        graph.expand(graph.stored(graph.view(joined, kernel - 1, inner, seqs, part=True)))
        dims = (inner, tokens)
        x = graph.weigh(dims, graph.weigh(dims, joined), inplace=True)  # with the bias
        x = graph.op(dims, x, inplace=True)
        mixed = graph.weigh((rank + 2 * state, tokens), x)
        dt, b, c = (graph.view(mixed, part, tokens, part=True) for part in (rank, state, state))
        dt = graph.op((rank, tokens), dt)
        if "ssm_b_norm.weight" in parts:
            b, c = (graph.op((state, tokens), node) for node in (b, c))
        dt = graph.weigh(dims, graph.weigh(dims, dt), inplace=True)
        scanned = graph.weigh(
            (inner * tokens + state * inner * seqs,), graph.view(x, 1, *dims), dt, b, c, self._copies
        )
        graph.expand(scanned)
        graph.expand(graph.stored(graph.view(scanned, state * inner * seqs, part=True)))
        y = graph.view(scanned, *dims, part=True)
        y = graph.op(dims, y, graph.weigh(dims, x, inplace=True), inplace=True)
        y = graph.op(dims, graph.op(dims, z), y)
        return graph.view(graph.weigh((self._width, tokens), y), self._width, tokens)

    def mamba2(self, parts: Parts, source: Node) -> Node:
        """A layer of Mamba 2."""
        graph, tokens, seqs = self._graph, self._tokens, self._n_seqs
        inner, state, groups = self._shape.inner_size, self._shape.state_size, self._shape.group_count
        kernel = parts["ssm_conv1d.weight"].dims[0]
        mixed_rows = inner + 2 * groups * state
        rows = parts["ssm_in.weight"].dims[1]
        heads = rows - inner - mixed_rows
        per_seq = tokens // seqs
        before = graph.view(self._state((kernel - 1) * mixed_rows), kernel - 1, mixed_rows, seqs)
        all_rows = graph.view(graph.weigh((rows, tokens), source), rows, per_seq, seqs)
        z = graph.view(all_rows, inner, per_seq, seqs, part=True)
        mixed = graph.view(all_rows, mixed_rows, per_seq, seqs, part=True)
        dt = graph.view(all_rows, heads, per_seq, seqs, part=True)
        joined = graph.op(
            (kernel - 1 + per_seq, mixed_rows, seqs), before, graph.view(mixed, per_seq, part=True)
        )
        graph.expand(graph.stored(graph.view(joined, kernel - 1, mixed_rows, seqs, part=True)))
        dims = (mixed_rows, tokens)
        mixed = graph.weigh(dims, graph.weigh(dims, joined), inplace=True)
        mixed = graph.op(dims, mixed, inplace=True)
        x, b, c = (
            graph.view(mixed, part, tokens, part=True) for part in (inner, groups * state, groups * state)
        )
        dt = graph.weigh((heads, tokens), graph.op((heads, tokens), dt), inplace=True)
        scanned = graph.weigh((inner * tokens + state * inner * seqs,), x, dt, b, c, self._copies)
        graph.expand(scanned)
        graph.expand(graph.stored(graph.view(scanned, state * inner * seqs, part=True)))
        y = graph.view(scanned, inner, tokens, part=True)
        y = graph.op((inner, tokens), y, graph.weigh((inner, tokens), x))
        y = graph.op((inner, tokens), graph.op((inner, tokens), z), y)
        if "ssm_norm.weight" in parts:
            grouped = (inner // groups, groups, tokens)
            y = graph.norm(graph.view(y, *grouped), grouped)
        return graph.weigh((self._width, tokens), graph.view(y, inner, tokens))

    def short_convolution(self, parts: Parts, source: Node) -> Node:
        """A layer that convolves a few tokens, as LFM2 has them."""
        graph, tokens, seqs = self._graph, self._tokens, self._n_seqs
        kernel = parts["shortconv.conv.weight"].dims[0]
        width = self._width
        per_seq = tokens // seqs
        all_rows = graph.weigh((3 * width, tokens), graph.view(source, width, per_seq, seqs))
        b, c, x = (graph.view(all_rows, width, tokens, part=True) for _ in range(3))
        bx = graph.op((width, tokens), b, x)
        before = graph.view(self._state((kernel - 1) * width), kernel - 1, width, seqs)
        joined = graph.op(
            (kernel - 1 + per_seq, width, seqs), before, graph.view(bx, per_seq, width, part=True)
        )
        graph.expand(graph.stored(graph.view(joined, kernel - 1, width, seqs, part=True)))
        convolved = graph.weigh((width, tokens), joined)
        y = graph.op((width, tokens), c, convolved, inplace=True)
        return graph.view(graph.op((width, tokens), y), width, tokens)

    def _state(self, elements: int) -> Node:
        """A state as it was before, for each sequence."""
        self._graph.expand(self._graph.stored())  # the one that new sequences begin with is cleared
        state = self._graph.op((elements, self._n_seqs), self._graph.view(self._copies, self._n_seqs))
        self._graph.expand(state)
        self._graph.expand(self._graph.stored(self._copies))
        return state
