"""Own the memory that computing takes: the graph that llama.cpp reserves buffers for, as far as sizes go.

Source: ``graph_reserve`` of llama-context.cpp, the ``build_`` functions of llama-graph.cpp and the graphs of
src/models, at the llama.cpp of llama-cpp-python 0.3.36. The scratch of CPU threads is not in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tunesmith.domain.graph_memory import BufferSize, Graph, Node
from tunesmith.domain.model import TensorInfo
from tunesmith.domain.recurrent_graph import Recurrent
from tunesmith.domain.shape import LayerShape, ModelShape, Parts

_MANY = 6
"""Layers that are alike and follow one another are reckoned once for so many: the pattern repeats."""


@dataclass(frozen=True, slots=True)
class Reserve:
    """What a micro-batch is reckoned for."""

    n_tokens: int
    n_seqs: int
    n_outputs: int
    full_cells: int
    """Of one stream."""
    window_cells: int
    streams: int
    flash_attention: bool
    rotated_k: bool
    """Whether quantized K is rotated first."""
    rotated_v: bool


def layer_parts(shape: ModelShape) -> tuple[dict[str, TensorInfo], ...]:
    """The tensors of each layer, by the end of their name."""
    parts: tuple[dict[str, TensorInfo], ...] = tuple({} for _ in shape.layers)
    for tensor in shape.tensors:
        layer = tensor.layer
        if layer is not None and layer < len(parts):
            parts[layer][tensor.name.split(".", 2)[2]] = tensor
    return parts


def compute_bytes(
    shape: ModelShape,
    reserve: Reserve,
    places: Sequence[int],
    moved: Mapping[str, int],
    count: int,
    *,
    copies: int = 1,
) -> tuple[BufferSize, ...]:
    """The compute buffer of main memory and of each device.

    Args:
        shape: the model's.
        reserve: the micro-batch.
        places: each layer's device, the output layer's last; 0 is main memory.
        moved: the devices of tensors that do not lie where their layer does.
        count: of devices, main memory included.
        copies: of inputs, for batches that devices work on one after another at once.
    """
    return _Builder(shape, reserve, places, moved).reserve(count, copies)


class _Builder:
    def __init__(
        self, shape: ModelShape, reserve: Reserve, places: Sequence[int], moved: Mapping[str, int]
    ) -> None:
        self.shape = shape
        self.to = reserve
        self.places = places
        self.moved = moved
        self.graph = Graph()
        self.width = shape.embedding_length
        self.parts = layer_parts(shape)
        self.tokens = -(-reserve.n_tokens // reserve.n_seqs) * reserve.n_seqs

    def reserve(self, count: int, copies: int) -> tuple[BufferSize, ...]:
        graph, tokens = self.graph, self.tokens
        ids = graph.input(4 * tokens)
        embedded = graph.weigh((self.width, tokens), ids)
        graph.expand(embedded)
        graph.expand(graph.input(4 * self.width * tokens))  # embeddings given in place of tokens
        current = embedded
        if self.shape.architecture.startswith(("gemma", "granite", "minicpm")):
            current = graph.op((self.width, tokens), current, inplace=True)
        self.positions = graph.input(4 * tokens)
        states = graph.input(4 * self.to.n_seqs)
        self.recurrent = Recurrent(graph, self.shape, states, tokens=tokens, n_seqs=self.to.n_seqs)
        self.inputs = {windowed: self._attention_inputs(windowed=windowed) for windowed in (False, True)}
        self.out_ids = graph.input(4 * self.to.n_outputs)
        shown = self._shown()
        for index in shown:
            graph.place = self.places[index]
            current = self._layer(index, current, last=index == shown[-1])
        graph.place = self.places[-1]
        normed = self.graph.norm(current, (self.width, self.to.n_outputs))
        normed.kept = True
        logits = graph.weigh((self.shape.vocabulary_size, self.to.n_outputs), normed)
        logits.kept = True
        logits.touched = 4 * self.shape.vocabulary_size * min(self.to.n_seqs, self.to.n_outputs)
        graph.expand(logits)
        return graph.reserve(count, copies=copies)

    def _shown(self) -> list[int]:
        """The layers that are reckoned: of many alike that follow one another, some."""
        shown: list[int] = []
        alike = 0
        last = None
        for index, layer in enumerate(self.shape.layers):
            parts = self.parts[index]
            moved = tuple(self.moved.get(tensor.name) for tensor in parts.values()) if self.moved else ()
            kind = (layer, self.places[index], moved, tuple(parts))
            alike = alike + 1 if kind == last else 1
            last = kind
            if alike <= _MANY:
                shown.append(index)
        return shown or [0]

    def _attention_inputs(self, *, windowed: bool) -> _AttentionInputs:
        to = self.to
        cells = to.window_cells if windowed else to.full_cells
        if to.flash_attention:
            per_token = 1
        else:
            per_token = max((layer.v_elements for layer in self.shape.layers), default=1) or 1
        size = max((layer.key_length for layer in self.shape.layers), default=0)
        value = max((layer.value_length for layer in self.shape.layers), default=0)
        return _AttentionInputs(
            cells=cells,
            k_ids=self.graph.input(8 * self.tokens),
            v_ids=self.graph.input(8 * self.tokens * per_token),
            mask=self.graph.input((2 if to.flash_attention else 4) * cells * self.tokens),
            k_turn=self._turn(size) if to.rotated_k else None,
            v_turn=self._turn(value) if to.rotated_v else None,
        )

    def _turn(self, size: int) -> Node:
        """The largest rotation of a power of two, from 64 on, that divides the head."""
        side = 64
        while size % (2 * side) == 0:
            side *= 2
        return self.graph.input(4 * side * side)

    def _layer(self, index: int, source: Node, *, last: bool) -> Node:
        graph, parts, layer, tokens = self.graph, self.parts[index], self.shape.layers[index], self.tokens
        dims = (self.width, tokens)
        residual = source
        normed = self.graph.norm(source, dims) if "attn_norm.weight" in parts else source
        if self.shape.architecture == "falcon-h1":
            attended = self._attention(layer, parts, normed)
            again = self.graph.norm(source, dims)
            mixed = self.recurrent.mamba2(parts, again)
            residual = graph.op(dims, graph.op(dims, attended, mixed, inplace=True), source, inplace=True)
            if last:
                residual = graph.op((self.width, self.to.n_outputs), residual, self.out_ids)
                dims = (self.width, self.to.n_outputs)
            hidden = self._feed_forward(parts, self.graph.norm(residual, dims), dims[1])
            return graph.op(dims, hidden, residual, inplace=True)
        if "shortconv.conv.weight" in parts:
            current = self.recurrent.short_convolution(parts, normed)
        elif "ssm_x.weight" in parts:
            current = self.recurrent.mamba(parts, normed)
        elif "ssm_in.weight" in parts:
            current = self.recurrent.mamba2(parts, normed)
        elif layer.heads and _has_attention(parts):
            current = self._attention(layer, parts, normed)
        else:
            current = normed
        if last:
            dims = (self.width, self.to.n_outputs)
            current = graph.op(dims, current, self.out_ids)
            residual = graph.op(dims, residual, self.out_ids)
        if "post_attention_norm.weight" in parts:
            current = self.graph.norm(current, dims)
        if not any(name.startswith("ffn_") for name in parts):
            return graph.op(dims, current, residual, inplace=True)
        parallel = "ffn_norm.weight" not in parts and "post_attention_norm.weight" not in parts
        added = residual if parallel else self._sum(dims, current, residual)
        before = (
            self.graph.norm(added, dims) if "ffn_norm.weight" in parts else (normed if parallel else added)
        )
        hidden = self._feed_forward(parts, before, dims[1])
        if "post_ffw_norm.weight" in parts:
            hidden = self.graph.norm(hidden, dims)
        if parallel:
            hidden = graph.op(dims, hidden, current, inplace=True)
        return self._sum(dims, hidden, added)

    def _sum(self, dims: tuple[int, ...], current: Node, residual: Node) -> Node:
        """Of two that nothing else reads, the sum takes the place of the one named first."""
        first, second = current, residual
        if self.shape.architecture.startswith("lfm2"):
            first, second = residual, current
        return self.graph.op(dims, first, second, inplace=True)

    def _attention(self, layer: LayerShape, parts: Parts, source: Node) -> Node:
        graph, tokens, to = self.graph, self.tokens, self.to
        inputs = self.inputs[layer.windowed]
        q, k, v = self._projections(layer, parts, source)
        if self.shape.architecture.startswith("gemma"):
            q = graph.op((layer.key_length, layer.heads, tokens), q, inplace=True)
        if inputs.k_turn is not None:
            q = self._turned(q, inputs.k_turn, layer.key_length, layer.heads)
            k = self._turned(k, inputs.k_turn, layer.key_length, layer.kv_heads)
        if inputs.v_turn is not None:
            v = self._turned(v, inputs.v_turn, layer.value_length, layer.kv_heads)
        for node in (q, v, k):
            graph.expand(node)
        graph.expand(graph.stored(graph.view(k, layer.k_elements, tokens), inputs.k_ids))
        rows = graph.view(v, layer.v_elements, tokens)
        if not to.flash_attention:
            rows = graph.view(rows, 1, layer.v_elements * tokens)
        graph.expand(graph.stored(rows, inputs.v_ids))
        streams = to.streams
        turned = graph.view(q, layer.key_length, tokens // streams, layer.heads, streams, part=True)
        out = (layer.value_length * layer.heads, tokens)
        if to.flash_attention:
            current = graph.op((layer.value_length, layer.heads, tokens), turned, inputs.mask)
            current = graph.view(current, *out)
        else:
            scores = (inputs.cells, tokens // streams, layer.heads, streams)
            kq = graph.op(scores, turned)
            kq = graph.op(scores, kq, inputs.mask, inplace=True)
            kqv = graph.op((layer.value_length, tokens // streams, layer.heads, streams), kq)
            current = graph.op(out, graph.view(kqv, *out, part=True))
        graph.expand(current)
        if inputs.v_turn is not None:
            current = self._turned(current, inputs.v_turn, layer.value_length, layer.heads)
        current = graph.weigh((self.width, tokens), current)
        if "attn_output.bias" in parts:
            current = graph.weigh((self.width, tokens), current, inplace=True)
        return current

    def _turned(self, source: Node, turn: Node, size: int, heads: int) -> Node:
        side = round((turn.size / 4) ** 0.5)
        flat = (side, size * heads * self.tokens // side)
        turned = self.graph.op(flat, turn, self.graph.view(source, *flat))
        return self.graph.view(turned, size, heads, self.tokens)

    def _projections(self, layer: LayerShape, parts: Parts, source: Node) -> tuple[Node, Node, Node]:
        """Q, K and V, turned to their positions."""
        graph, tokens = self.graph, self.tokens
        sizes = ((layer.key_length, layer.heads), (layer.key_length, layer.kv_heads))
        value = (layer.value_length or layer.key_length, layer.kv_heads)
        if "attn_qkv.weight" in parts:
            rows = parts["attn_qkv.weight"].dims[1]
            fused = graph.weigh((rows, tokens), source)
            if "attn_qkv.bias" in parts:
                fused = graph.weigh((rows, tokens), fused, inplace=True)
            found = [graph.view(fused, *size, tokens, part=True) for size in (*sizes, value)]
        else:
            found = []
            for name, size in zip("qkv", (*sizes, value), strict=True):
                flat = (size[0] * size[1], tokens)
                node = graph.weigh(flat, source)
                if f"attn_{name}.bias" in parts:
                    node = graph.weigh(flat, node, inplace=True)
                weight = parts.get(f"attn_{name}_norm.weight")
                if weight is not None and weight.dims[0] == flat[0] != size[0]:
                    node = self.graph.norm(node, flat)
                found.append(graph.view(node, *size, tokens))
        turned = []
        for name, size, node in zip("qk", sizes, found, strict=False):
            weight = parts.get(f"attn_{name}_norm.weight")
            current = node
            if weight is not None and weight.dims[0] == size[0]:
                current = self.graph.norm(current, (*size, tokens))
            turned.append(graph.op((*size, tokens), current, self.positions, inplace=True))
        return turned[0], turned[1], found[2]

    def _feed_forward(self, parts: Parts, source: Node, tokens: int) -> Node:
        graph, dims = self.graph, (self.width, tokens)
        if "ffn_gate_inp.weight" in parts:
            current = self._experts(parts, source, tokens)
            if "ffn_up_shexp.weight" in parts:
                shared = self._dense(parts, source, tokens, suffix="_shexp")
                current = graph.op(dims, current, shared, inplace=True)
            return current
        return self._dense(parts, source, tokens)

    def _dense(self, parts: Parts, source: Node, tokens: int, suffix: str = "") -> Node:
        graph = self.graph
        up_weight = parts.get(f"ffn_up{suffix}.weight")
        if up_weight is None:
            return source
        hidden = (up_weight.dims[1], tokens)
        up = self._biased(self._matrix(up_weight, hidden, source), hidden, parts, f"ffn_up{suffix}.bias")
        gate_weight = parts.get(f"ffn_gate{suffix}.weight")
        if gate_weight is not None:
            gate = self._matrix(gate_weight, hidden, source)
            gate = self._biased(gate, hidden, parts, f"ffn_gate{suffix}.bias")
            inner = graph.op(hidden, gate, up)
        else:
            narrow = parts.get(f"ffn_down{suffix}.weight")
            if narrow is not None and narrow.dims[0] * 2 == hidden[0]:  # gate and up in one
                inner = graph.op((narrow.dims[0], tokens), up)
            else:
                inner = graph.op(hidden, up, inplace=True)
        down = self._matrix(parts.get(f"ffn_down{suffix}.weight"), (self.width, tokens), inner)
        return self._biased(down, (self.width, tokens), parts, f"ffn_down{suffix}.bias")

    def _matrix(self, weight: TensorInfo | None, dims: tuple[int, ...], *sources: Node) -> Node:
        """What comes of weights that may lie elsewhere than their layer."""
        graph = self.graph
        here = graph.place
        if weight is not None:
            graph.place = self.moved.get(weight.name, here)
        node = graph.weigh(dims, *sources)
        graph.place = here
        return node

    def _biased(self, node: Node, dims: tuple[int, ...], parts: Parts, name: str) -> Node:
        return self.graph.weigh(dims, node, inplace=True) if name in parts else node

    def _experts(self, parts: Parts, source: Node, tokens: int) -> Node:
        graph, count, used = self.graph, self.shape.experts, self.shape.experts_used
        logits = graph.weigh((count, tokens), source)
        logits = self._biased(logits, (count, tokens), parts, "ffn_gate_inp.bias")
        probabilities = graph.op((count, tokens), logits, inplace=True)
        biased = probabilities
        if "exp_probs_b.bias" in parts:
            biased = graph.weigh((count, tokens), probabilities, inplace=True)
        order = graph.op((count, tokens), biased)
        chosen = graph.view(order, used, tokens, part=True)
        weights = graph.op((1, used, tokens), graph.view(probabilities, 1, count, tokens), chosen)
        if self.shape.architecture not in ("olmoe", "gpt-oss", "deepseek", "llama4"):
            flat = graph.view(weights, used, tokens)
            total = graph.op((1, tokens), graph.op((1, tokens), flat), inplace=True)
            weights = graph.view(graph.op((used, tokens), flat, total, inplace=True), 1, used, tokens)
        graph.expand(weights)
        source = graph.view(source, self.width, 1, tokens)
        fused = parts.get("ffn_gate_up_exps.weight")
        if fused is not None:
            both = self._matrix(fused, (fused.dims[1], used, tokens), source, chosen)
            half = fused.dims[1] // 2
            halves = [graph.view(both, half, used, tokens, part=True) for _ in range(2)]
            inner = graph.op((half, used, tokens), *halves)
        else:
            hidden = (parts["ffn_up_exps.weight"].dims[1], used, tokens)
            up = self._chosen_matrix(parts, "ffn_up_exps", hidden, source, chosen)
            inner = graph.op(hidden, up, inplace=True)
            if "ffn_gate_exps.weight" in parts:
                gate = self._chosen_matrix(parts, "ffn_gate_exps", hidden, source, chosen)
                inner = graph.op(hidden, gate, up)
        wide = (self.width, used, tokens)
        down = self._chosen_matrix(parts, "ffn_down_exps", wide, inner, chosen)
        down = graph.op(wide, down, weights, inplace=True)
        graph.expand(down)
        each = [graph.view(down, self.width, tokens, part=True) for _ in range(used)]
        for node in each:
            graph.expand(node)
        total = each[0] if used > 1 else graph.op((self.width, tokens), each[0])
        for node in each[1:]:
            total = graph.op((self.width, tokens), total, node, inplace=True)
            graph.expand(total)
        return total

    def _chosen_matrix(
        self, parts: Parts, name: str, dims: tuple[int, ...], source: Node, chosen: Node
    ) -> Node:
        """What comes of the experts that were chosen for each token, with their bias."""
        node = self._matrix(parts[f"{name}.weight"], dims, source, chosen)
        return self.graph.weigh(dims, node, chosen, inplace=True) if f"{name}.bias" in parts else node


@dataclass(frozen=True, slots=True)
class _AttentionInputs:
    cells: int
    k_ids: Node
    v_ids: Node
    mask: Node
    k_turn: Node | None
    v_turn: Node | None


def _has_attention(parts: Parts) -> bool:
    return "attn_output.weight" in parts or "attn_qkv.weight" in parts or "attn_q.weight" in parts
