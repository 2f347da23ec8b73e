"""Own making a choice's files and measuring their quality: what breaks the limit leaves at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tunesmith.domain.choice import Contender
from tunesmith.domain.model import ModelHeader
from tunesmith.errors import ModelFileError, StoreError, TunesmithError, UsageError, WorkerError
from tunesmith.services.choose_files import check_source
from tunesmith.services.choose_result import ChooseRequest, beyond_text
from tunesmith.services.made_files import MadeFiles
from tunesmith.services.part_streams import part_stream
from tunesmith.services.quality import QualityRequest, run_quality
from tunesmith.services.quantize import QuantizeRequest, run_quantize
from tunesmith.services.session import Controls, Stream
from tunesmith.services.standings import Standings

QUALITY_SHARE = 0.5
"""Of the bar of progress, whatever it takes."""
_MAKING_SHARE = 0.25
"""Of a file's part of it."""


@dataclass
class Judge:
    """Makes what is not there and measures the quality of all, one file after the other."""

    request: ChooseRequest
    standings: Standings
    files: MadeFiles
    stream: Stream
    controls: Controls
    flush: Callable[[], None]
    """Writes what was recorded; called after each file."""
    warnings: list[str]
    """Added to."""
    first_error: TunesmithError | None = field(default=None, init=False)

    def judge_all(self, header: ModelHeader) -> None:
        """Make and measure.

        Raises:
            ModelNotFound: the source is gone.
            UsageError: the text is too short, or a type cannot be made.
            Interrupted: the user stopped the run.
        """
        todo = self.standings.others
        for place, contender in enumerate(todo):
            self.controls.wait_if_paused()
            begin, end = (QUALITY_SHARE * (place + n) / len(todo) for n in (0, 1))
            middle = begin + (end - begin) * _MAKING_SHARE
            try:
                if contender.path is None:
                    self._make(contender.label, header, (begin, middle))
                self._measure(contender.label, (middle, end))
            except (WorkerError, ModelFileError, StoreError, UsageError) as error:
                check_source(header.path)
                if isinstance(error, UsageError) and contender.made:
                    raise
                self.first_error = self.first_error or error
                self.standings.tell(contender.label, state="failed", why=error.what)
            self._tidy(contender.label)
            self.flush()

    def _tidy(self, label: str) -> None:
        """Remove what was made in vain."""
        now = self.standings[label]
        if now.made and now.state in ("beyond", "failed") and self.request.keep != "all":
            if now.path is not None:
                self.files.remove(Path(now.path))
            self.standings.tell(label, kept=False)

    def _make(self, label: str, header: ModelHeader, span: tuple[float, float]) -> None:
        self.standings.tell(label, state="making")
        self.files.open()
        kind = self.standings[label].quantization
        request = QuantizeRequest(source_path=header.path, types=(kind,), folder=str(self.files.folder))
        done = run_quantize(request, part_stream(self.stream, *span), self.controls)
        (made,) = done.files
        self.files.add(made.path)
        self.warnings += [warning for warning in done.warnings if warning not in self.warnings]
        self.standings.tell(
            label, path=str(made.path), size_bytes=made.size_bytes, bits_per_weight=made.bits_per_weight,
            kept=True,
        )  # fmt: skip

    def _measure(self, label: str, span: tuple[float, float]) -> None:
        request, limits = self.request, self.request.limits
        self.standings.tell(label, state="judging")
        path = self.standings[label].path
        assert path is not None  # noqa: S101 (it is there by now)
        found = run_quality(
            QualityRequest(
                model_path=path, source_path=request.tune.model_path, text_path=request.text_path,
                chunks=request.chunks, n_ctx=request.n_ctx, max_kld=limits.max_kld, min_top1=limits.min_top1,
                max_perplexity_ratio=limits.max_perplexity_ratio,
            ),
            part_stream(self.stream, *span), self.controls,
        )  # fmt: skip
        beyond = found.verdict == "beyond" or not limits.keeps(found.quality)
        self.standings.tell(
            label, quality=found.quality, verdict=found.verdict, kld_low=found.kld_low,
            kld_high=found.kld_high, state="beyond" if beyond else "within",
            why=beyond_text(limits, found.quality, sure=found.verdict == "beyond") if beyond else "",
        )  # fmt: skip

    def fit_for_race(self) -> list[Contender]:
        """The source, then what is within the limit, the truest first.

        Raises:
            TunesmithError: nothing else could be made or measured; the first reason.
        """
        others = self.standings.others
        within = [contender for contender in others if contender.state == "within"]
        if not within and all(contender.state == "failed" for contender in others):
            assert self.first_error is not None  # noqa: S101 (what failed says why)
            raise self.first_error
        truest = sorted(within, key=lambda one: (one.mean_kld or 0.0, one.size_bytes or 0))
        return [self.standings.source, *truest]
