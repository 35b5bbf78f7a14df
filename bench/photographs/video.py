"""A film frame by frame through a model, by ffmpeg: its rate and its sound stay as they are."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO, Any, cast

import numpy as np

from bench.core.errors import BenchError
from bench.core.files import replacing
from bench.image import Pixels

SUFFIXES = frozenset({".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".mts"})
CONTAINERS = {".mp4": "mp4", ".mov": "mov", ".m4v": "mp4"}
"""Suffix -> ffmpeg's name; films of other kinds become Matroska, which holds every sound."""
QUALITY = 16
"""x264's constant rate factor: what it leaves out is not seen."""

Restore = Callable[[Iterator[Pixels]], Iterator[Pixels]]
"""From a film's frames in order to as many restored ones."""
Heard = Callable[[int, int], None]
"""Called with how many frames are done, and how many there are (0: not known)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """``rate``: frames a second as a fraction, ``30000/1001``; ``frames``: 0 where not known."""

    width: int
    height: int
    rate: str
    frames: int


def is_film(path: Path) -> bool:
    """Say whether a file is one by its name."""
    return path.suffix.lower() in SUFFIXES


def suffix_of(path: Path) -> str:
    """Return the suffix of the film that is made of one."""
    return path.suffix.lower() if path.suffix.lower() in CONTAINERS else ".mkv"


def require_ffmpeg() -> None:
    """Raise `BenchError` where ffmpeg is not installed."""
    if lacking := [name for name in ("ffmpeg", "ffprobe") if shutil.which(name) is None]:
        raise BenchError(
            f"films need {' and '.join(lacking)}, which is not in PATH; install ffmpeg (Debian: "
            "apt-get install ffmpeg), or give photographs"
        )


def look_at(path: Path) -> Film:
    """Return what ffprobe says of a film, upright. Raises `BenchError` for what is none."""
    fields = "width,height,avg_frame_rate,r_frame_rate,nb_frames,duration:stream_side_data=rotation"
    asked = ["ffprobe", "-v", "error", "-select_streams", "v:0", "-of", "json"]
    found = subprocess.run(
        [*asked, "-show_entries", f"stream={fields}:format=duration", _file(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    said: dict[str, Any] = json.loads(found.stdout or "{}")
    streams = said.get("streams") or []
    if found.returncode or not streams:
        raise BenchError(f"'{path}' is not a readable film ({_last(found.stderr) or 'no picture'})")
    stream = streams[0]
    wide, high = stream["width"], stream["height"]
    if any(
        abs(int(side.get("rotation", 0))) % 180 == 90 for side in stream.get("side_data_list", [])
    ):
        wide, high = high, wide  # ffmpeg turns frames upright as it decodes them
    rate = next(
        (r for r in (stream["avg_frame_rate"], stream["r_frame_rate"]) if not r.startswith("0/")),
        "25/1",
    )
    above, _, below = rate.partition("/")
    seconds = float(stream.get("duration") or said.get("format", {}).get("duration") or 0)
    frames = int(stream.get("nb_frames", 0)) or round(seconds * int(above) / int(below or 1))
    return Film(width=wide, height=high, rate=rate, frames=frames)


def restore_film(path: Path, target: Path, restore: Restore, heard: Heard) -> int:
    """Restore every frame of a film; return how many. The target is written whole or not at all.

    Frames are (H, W, 3) uint8. The sound is copied as it is. Raises `BenchError` for a film that
    cannot be read or written, and what ``restore`` raises.
    """
    film = look_at(path)
    done = 0
    with replacing(target) as partial, _reader(path, film) as reader:
        restored = restore(_frames(reader, film))
        first = next(restored, None)
        if first is None:
            raise BenchError(f"'{path}' has no frame that can be read")
        with _writer(path, partial, suffix_of(target), film, first) as pipe:
            for made in chain([first], restored):
                pipe.write(np.ascontiguousarray(made).tobytes())
                done += 1
                heard(done, max(film.frames, done))
    return done


def _frames(reader: IO[bytes], film: Film) -> Iterator[Pixels]:
    size = film.width * film.height * 3
    while len(data := reader.read(size)) == size:
        yield np.frombuffer(data, np.uint8).reshape(film.height, film.width, 3)


@contextmanager
def _reader(path: Path, film: Film) -> Iterator[IO[bytes]]:
    arguments = ["-i", _file(path), "-map", "0:v:0", "-fps_mode", "cfr", "-r", film.rate]
    with _ffmpeg([*arguments, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], path) as process:
        yield cast(IO[bytes], process.stdout)


@contextmanager
def _writer(
    path: Path, partial: Path, suffix: str, film: Film, made: Pixels
) -> Iterator[IO[bytes]]:
    high, wide = made.shape[:2]
    container = CONTAINERS.get(suffix, "matroska")
    arguments = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{wide}x{high}", "-r", film.rate]
    arguments += ["-i", "-", "-i", _file(path), "-map", "0:v", "-map", "1:a?", "-map_metadata", "1"]
    even = wide % 2 == 0 == high % 2  # half as many colours as pixels, where these can be halved
    arguments += ["-c:a", "copy", "-c:v", "libx264", "-crf", str(QUALITY), "-preset", "medium"]
    arguments += ["-metadata:s:v", "rotate=0", "-pix_fmt", "yuv420p" if even else "yuv444p"]
    with _ffmpeg([*arguments, "-y", "-f", container, _file(partial)], path) as process:
        pipe = cast(IO[bytes], process.stdin)
        yield pipe
        pipe.close()


@contextmanager
def _ffmpeg(arguments: list[str], path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run ffmpeg; end it where the block fails. Raises `BenchError` with what it said."""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            ["ffmpeg", "-v", "error", "-nostdin", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
        )

        def complaint() -> str:
            said.seek(0)
            return _last(said.read().decode(errors="replace"))

        try:
            yield process
            if process.wait() != 0:
                raise BrokenPipeError
        except BrokenPipeError as error:
            process.kill()
            process.wait()
            raise BenchError(f"ffmpeg failed on '{path}': {complaint() or 'no reason'}") from error
        finally:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with suppress(BrokenPipeError):
                        pipe.close()


def _file(path: Path) -> str:
    """Return a path as ffmpeg takes it: never as an option or a protocol."""
    return f"file:{path}"


def _last(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1].strip() if lines else ""
