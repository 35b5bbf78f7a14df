"""Frames of sequences through a model: what it sees of each, and what it carries between them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from threading import Lock

import torch

from bench.core.errors import BenchError, NotApplicable
from bench.image import to_tensor
from bench.metrics.scorer import Prepared, Scorer
from bench.records import Clip, Pair
from bench.suites.frames import no_frame_before, window_of
from bench.suites.opening import Views, open_pair
from bench.suites.outputs import names_of
from models.contract import layers_of
from models.restorer import Hints, NetworkRestorer, Restorer
from models.windows import ALONE, Reach, reach_of, stacked

KEPT = 8
"""Frames that stay in memory at least, the last used: neighbours share most of their windows."""

ALONE_KEPT = 2
"""Images of no clip that stay beside those being read: the models', and the next."""


@dataclass(frozen=True, slots=True)
class Frame:
    """An image as a model is given it, (1,3,H,W), and what came of reading it.

    ``uploaded`` is the same on a GPU, where networks work there.
    """

    tensor: torch.Tensor
    hints: Hints
    views: Views
    uploaded: torch.Tensor | None = None

    def given(self, restorer: Restorer) -> torch.Tensor:
        """Return the image where a network works that takes it so, for all others on the CPU."""
        works = layers_of(restorer)[-1]
        takes = isinstance(works, NetworkRestorer) and works.network is not None
        if self.uploaded is None or not takes or works.uses_noise:  # which it looks for on the CPU
            return self.tensor
        there, asked = self.uploaded.device, restorer.device
        same = there.type == asked.type and asked.index in (
            None,
            there.index,
        )  # "cuda": the current one
        return self.uploaded if same else self.tensor


class Frames:
    """Opens pairs, which stay while models work on them; the frames of clips a while longer. Safe
    among threads: what several ask for at once is read once.

    ``reaches`` are what models see that will ask for frames; ``device`` is where those models work
    that take images of it: a GPU is brought each while it works on others. ``readers`` is how many
    threads read ahead.
    """

    def __init__(
        self,
        reaches: Iterable[Reach] = (),
        device: torch.device | None = None,
        readers: int = 1,
    ) -> None:
        windows = [reach for reach in reaches if not reach.recurrent]
        self._before = max((reach.before for reach in windows), default=0)
        self._after = max((reach.after for reach in windows), default=0)
        self._most = max(KEPT, self._before + self._after + 2 + readers)
        self._alone = ALONE_KEPT + readers
        self._upload = None if device is None or device.type != "cuda" else Upload(device)
        self._kept: OrderedDict[tuple[Clip | str, int, tuple[str, ...]], Future[Frame]]
        self._kept = OrderedDict()
        self._lock = Lock()

    def open(self, pair: Pair) -> Frame:
        """Read a pair, unless it is still here. Raises as `bench.suites.opening.open_pair`."""
        key = pair.clip or pair.id, pair.at, pair.prepare
        most = self._alone if pair.clip is None else self._most
        with self._lock:
            is_new = key not in self._kept
            frame = self._kept.setdefault(key, Future())
            self._kept.move_to_end(key)
            while len(self._kept) > most:
                self._kept.popitem(last=False)
        if is_new:
            try:
                frame.set_result(self._read(pair))
            except BaseException as error:  # noqa: BLE001  told all who wait; read anew later
                with self._lock:
                    self._kept.pop(key, None)
                frame.set_exception(error)
        return frame.result()

    def _read(self, pair: Pair) -> Frame:
        frame = _opened(pair)
        if self._upload is not None:
            frame = replace(frame, uploaded=self._upload(frame.tensor))
        return frame

    def fetch(self, pair: Pair) -> None:
        """Open what models see around a pair, so that it is here when they come to it."""
        if pair.clip is not None and (self._before or self._after):
            for frame in window_of(pair, self._before, self._after):
                with suppress(BenchError, OSError):  # whoever needs it says so
                    self.open(frame)


def reference_of(pair: Pair, scorer: Scorer, frames: Frames | None = None) -> Prepared:
    """Return the reference's part of all metrics, the reference before it read where one asks."""
    found = frames or Frames()
    previous = pair.previous if scorer.compares_frames else None
    before = None if previous is None else found.open(previous).views.reference
    return scorer.reference(found.open(pair).views.reference, before)


class Upload:
    """Brings images to a GPU on a stream of its own, which the GPU's work does not wait for.

    The thread that asks waits until the image is there; None: the GPU has no room for it now.
    """

    def __init__(self, device: torch.device) -> None:
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def __call__(self, image: torch.Tensor) -> torch.Tensor | None:
        """Return an image of the CPU on the GPU."""
        try:
            with torch.cuda.stream(self._stream):
                there = image.pin_memory().to(self._stream.device, non_blocking=True)
        except torch.OutOfMemoryError:  # who restores it may make room, and says so if not
            return None
        self._stream.synchronize()
        # it is read on another stream: its memory is not the next upload's before that is done
        there.record_stream(torch.cuda.default_stream(self._stream.device))
        return there


def _opened(pair: Pair) -> Frame:
    views = open_pair(pair)
    hints = Hints(
        image=pair.id,
        psf=views.psf,
        scale=pair.scale,
        noise=views.noise,
        names=names_of(pair)[1:],
    )
    return Frame(to_tensor(views.degraded), hints, views)


class Player:
    """A restorer at the frames of sequences.

    In whatever order frames are asked for, each comes out as in the order of time: a recurrent
    model is given all frames since the clip's first that it has not seen. Where it fails, it begins
    anew with the next one.
    """

    def __init__(self, restorer: Restorer, frames: Frames) -> None:
        self.restorer, self._frames = restorer, frames
        self._reach = reach_of(restorer)
        self._clip: Clip | None = None
        self._at = -1
        self._last: tuple[Clip, int, torch.Tensor] | None = None

    @property
    def looks_alone(self) -> bool:
        """Whether the restorer needs nothing of a sequence but the frame itself."""
        return self._reach == ALONE

    def restored(self, pair: Pair) -> torch.Tensor:
        """Return the restored image, (1,3,H,W).

        Raises what the model raises.
        """
        if self._last is not None and self._last[:2] == (pair.clip, pair.at):
            return self._last[2]
        image = self._restored(pair)
        self._last = None if pair.clip is None else (pair.clip, pair.at, image)
        return image

    def before(self, pair: Pair) -> torch.Tensor | str:
        """Return the restored frame before a pair's, or why there is none.

        Asked for before the pair's own, it costs nothing where that was the last one restored.
        """
        if pair.previous is None:
            return no_frame_before(pair)
        try:
            return self.restored(pair.previous)
        except NotApplicable as reason:
            return f"the frame before it: {reason}"

    def _restored(self, pair: Pair) -> torch.Tensor:
        if pair.clip is None or self._reach == ALONE:
            frame = self._frames.open(pair)
            return self.restorer.restore(frame.given(self.restorer), frame.hints)
        if self._reach.recurrent:
            return self._carried(pair, pair.clip)
        seen = window_of(pair, self._reach.before, self._reach.after)
        window = stacked([self._frames.open(frame).given(self.restorer) for frame in seen])
        return self.restorer.restore(window, self._frames.open(pair).hints)

    def _carried(self, pair: Pair, clip: Clip) -> torch.Tensor:
        behind = self._at if self._clip is clip and self._at < pair.at else -1
        self._clip = None
        for number in range(behind + 1, pair.at + 1):
            frame = self._frames.open(pair.frame(number))
            hints = replace(frame.hints, begins=number == 0)
            restored = self.restorer.restore(frame.given(self.restorer), hints)
        self._clip, self._at = clip, pair.at
        return restored
