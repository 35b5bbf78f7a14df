from __future__ import annotations

import base64
import hashlib
import json
import random
import secrets
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import func, select

from bench.image import encode_png
from raters.audit import AuditReport, audit, running
from raters.audit.copies import copy_study
from raters.audit.features import Truth, agreement, compare, extra_bytes
from raters.audit.findings import Leak
from raters.audit.names import needles, search
from raters.audit.seeds import GUESSES, first_words, seeds_of_bytes, seeds_of_places
from raters.audit.walk import Exchange, Record, Shown
from raters.database import schema
from raters.database.store import Store
from raters.studies.creation import StudyOptions, create_study
from raters.studies.stimuli import PADDING, chunks, opaque_pngs, padded_anew
from raters.studies.tokens import invite
from raters.texts import Texts
from raters.texts.questions import read_questions
from raters.trials import assignment
from raters.trials.assignment import Chooser
from raters.trials.plan import plan
from raters.web import stimulus_cache
from raters.web.app import create_app
from raters.web.security import content_policy
from tests.support import postgres
from tests.support.studies import small_run

MODELS = ("restoreformer", "input", "tv")
"""A name of its own, one that is on every page, and one that is too short for comfort."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_run(tmp_path_factory.mktemp("runs") / "secret-run", MODELS).path


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(f"sqlite:///{tmp_path}/studies.db")
    yield store
    store.close()


def make_study(store: Store, run: Path, **options: Any) -> str:
    given = {"per_pair": 40, "trials": 14, "images": 4, "crop": 64, **options}
    return create_study(store, run, StudyOptions("harbour", **given)).name


def contents(store: Store) -> dict[str, list[Any]]:
    """Return all rows of a database but its log."""
    tables = [t for t in schema.metadata.sorted_tables if t is not schema.event]
    with store.read() as connection:
        return {t.name: list(connection.execute(select(t))) for t in tables}


def found(report: AuditReport, where: str, what: str) -> bool:
    return any(where in leak.where and what in leak.what for leak in report.leaks)


# --- whole audits through the real app ------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["pair", "acr", "dcr"])
def test_a_study_leaks_nothing_and_an_audit_leaves_it_untouched(
    protocol: str, store: Store, run: Path
) -> None:
    name = make_study(store, run, protocol=protocol)
    before = contents(store)
    report = audit(store.url, name, raters=2, seeds=100_000)
    assert report.leaks == ()
    assert contents(store) == before
    # 14 trials of each of 2 raters, with 1 or 2 images to judge
    assert report.numbers["images judged"] == 28 * (2 if protocol == "pair" else 1)
    assert report.numbers["requests"] > 150
    assert report.numbers["strings searched for"] > 50
    assert json.loads(json.dumps(report.as_dict()))["leaks"] == []


@pytest.mark.slow
@pytest.mark.slow
def test_a_study_that_asks_much_and_speaks_german_leaks_nothing(store: Store, run: Path) -> None:
    asked = [{"id": "work", "question": "Was tun Sie?", "kind": "text"}]
    own = Texts("de", {"study.researcher": "Dr. Ada"}, read_questions(asked))
    options = StudyOptions("harbour", trials=14, images=4, crop=64, colours=True, time_limit=60)
    create_study(store, run, options, [own])
    report = audit(store.url, "harbour", raters=2, seeds=1000)
    assert report.leaks == ()


@pytest.mark.slow
def test_a_study_in_postgresql_is_audited_as_it_is(postgres_server: Path, run: Path) -> None:
    with postgres.database(postgres_server) as url:
        store = Store(url)
        try:
            name = make_study(store, run, reference="hidden")
            before = contents(store)
            report = audit(url, name, raters=1)
            assert (report.leaks, report.numbers["images"] > 10) == ((), True)
            assert contents(store) == before
        finally:
            store.close()


class Leaking:
    """The real app behind a layer that says too much, as a careless proxy or patch would."""

    def __init__(self, store: Store) -> None:
        self.app, self.store = create_app(store.url), store

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope.get("path", "")
        if not path.startswith(("/s/", "/api/judgement")):
            return await self.app(scope, receive, send)
        model, start = None, {}
        if path.startswith("/s/"):
            scope = {**scope, "path": path.replace("restoreformer-", "")}
            model = self.model(scope["path"][3:])

        async def told(message: Any) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
                return
            body = message.get("body", b"")
            if path == "/api/judgement" and start["status"] == 200:
                reply = json.loads(body)
                for slot, url in reply["next"].get("slots", {}).items():
                    if self.model(url[3:]) == "restoreformer":
                        reply["next"]["slots"][slot] = url.replace("/s/", "/s/restoreformer-")
                        reply["next"]["file"] = f"out/{slot}_restoreformer.png"
                body = json.dumps(reply).encode()
            headers = [h for h in start["headers"] if h[0] != b"content-length"]
            headers.append((b"content-length", b"%d" % len(body)))
            if model is not None:
                headers.append((b"x-cache", f"hit {model} disk".encode()))
                tag = hashlib.sha256(f"salted {model}".encode()).hexdigest()[:8]
                headers.append((b"etag", tag.encode()))
            await send({**start, "headers": headers})
            await send({**message, "body": body})

        return await self.app(scope, receive, told)

    def model(self, serving: str) -> str | None:
        v, s, m = schema.serving, schema.stimulus, schema.method
        with self.store.read() as connection:
            label: str | None = connection.execute(
                select(m.c.label)
                .join(s, s.c.method == m.c.id)
                .join(v, v.c.stimulus == s.c.id)
                .where(v.c.id == serving)
            ).scalar_one_or_none()
        return label


@pytest.mark.slow
def test_leaks_of_a_server_are_found_where_they_are_and_its_study_is_left_as_it_was(
    store: Store, run: Path
) -> None:
    name = make_study(store, run)
    before = contents(store)
    with running(Leaking(store)) as address:
        report = audit(store.url, name, address, raters=2)
    assert found(report, "GET /s/<random>: header x-cache", "model 'restoreformer' as it is")
    assert found(report, "GET /s/<random>: header x-cache", "model 'tv' as it is")
    assert found(report, "GET /s/<random>: header x-cache", "model 'input' as it is")
    assert found(report, "GET /s/<random>: header etag", "tells one")
    assert found(report, "POST /api/judgement: body", "model 'restoreformer'")
    assert found(report, "random strings of addresses", "model 'restoreformer' as it is")
    assert found(report, "address: parts seen elsewhere", "tells one")
    assert contents(store) == before


@pytest.mark.slow
def test_leaks_of_files_and_of_sides_are_found_where_they_are(
    store: Store, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = make_study(store, run, trials=24)  # sides are told by how often, so by chance
    labels: dict[int, str] = {}
    with store.write() as connection:
        labels |= {row.id: row.label for row in connection.execute(select(schema.method))}
        for row in connection.execute(select(schema.stimulus)).all():
            parts = [part for part in chunks(row.png) if part[0] != PADDING]
            author = labels.get(row.method, "nobody").ljust(16).encode()
            parts.insert(1, (b"tEXt", b"Author\0" + author))
            connection.execute(
                schema.stimulus.update()
                .where(schema.stimulus.c.id == row.id)
                .values(png=written(parts))
            )
    favourite = next(key for key, label in labels.items() if label == "tv")
    monkeypatch.setattr(Chooser, "_sides", lambda self, row, position: row.other_model == favourite)
    report = audit(store.url, name)
    assert found(report, "PNG chunk tEXt", "model 'restoreformer' as it is")
    assert found(report, "PNG chunk tEXt", "model 'tv' as it is")
    assert found(report, "PNG chunk tEXt", "a chunk that needs not be there")
    assert found(report, "GET /s/<random>: length in bytes", "tells one image from another")
    sides = [leak for leak in report.leaks if leak.where == "sides"]
    assert any(f"model {favourite} was on the left" in leak.evidence for leak in sides)


def written(parts: list[tuple[bytes, bytes]]) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in parts
    )


# --- somebody who has read the source -------------------------------------------------------------


def pad_as_before(store: Store, seed: int) -> None:
    """Fill all padding from a generator of the study's seed, in the order of images and models."""
    rng = np.random.Generator(np.random.PCG64([seed, 1]))
    with store.write() as connection:
        contents = connection.execute(select(schema.content.c.id)).scalars().all()
        rng.permutation(len(contents))
        rows = connection.execute(
            select(schema.stimulus).order_by(
                schema.stimulus.c.content, schema.stimulus.c.kind, schema.stimulus.c.method
            )
        ).all()
        for row in rows:
            connection.execute(
                schema.stimulus.update()
                .where(schema.stimulus.c.id == row.id)
                .values(png=padded_anew(row.png, rng.bytes))
            )


@pytest.mark.slow
@pytest.mark.parametrize("seed", [3, 77_123])
def test_padding_order_and_golden_images_that_follow_from_a_seed_are_found(
    store: Store, run: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    name = make_study(store, run, seed=seed, trials=24, golden=0.2, repeats=0.2, images=4)
    pad_as_before(store, seed)
    with store.write() as connection:
        for row in connection.execute(select(schema.item).where(schema.item.c.kind == "golden")):
            same = (schema.stimulus.c.content == row.content) & (
                schema.stimulus.c.kind == "reference"
            )
            connection.execute(
                schema.item.update()
                .where(schema.item.c.id == row.id)
                .values(first=select(schema.stimulus.c.id).where(same).scalar_subquery())
            )
    monkeypatch.setattr(stimulus_cache, "served", lambda png, *_: png)
    monkeypatch.setattr(
        assignment, "drawn", lambda _, what, *of: random.Random(f"{what} {seed} {of[0]}")
    )
    report = audit(store.url, name, raters=3, seeds=100_000)
    assert found(report, "PNG chunk padding", "bytes that follow from a seed")
    assert any(f"seed {seed} gives the padding" in leak.evidence for leak in report.leaks)
    assert found(report, "order of trials", "follows from the seed and the rater's number")
    assert found(report, "PNG chunk IDAT", "a known answer, which is the reference")
    assert found(report, "bytes", "a file that was seen before")


def test_numpys_generators_are_computed_for_many_seeds_at_once() -> None:
    seeds = [0, 1, 7, 123_456, 999_999, 2**32 - 1]
    for stream in (0, 1, 5):
        words = first_words(np.array(seeds, np.uint64), stream)
        for seed, row in zip(seeds, words, strict=True):
            raw = np.random.PCG64([seed, stream]).random_raw(32)
            assert row.astype("<u4").tobytes() == raw.astype("<u8").tobytes()


@pytest.mark.slow
def test_one_padding_in_sixty_gives_its_seed_away_and_random_ones_give_none() -> None:
    paddings = [secrets.token_bytes(90) for _ in range(60)]
    leaks, numbers = seeds_of_bytes(paddings, 0, 100_000)
    assert (leaks, numbers) == ([], {"paddings tried": 60, "seeds tried against them": 100_000})
    paddings[31] = np.random.default_rng(86_420).bytes(90)
    (leak,), _ = seeds_of_bytes(paddings, 0, 100_000)
    assert leak.evidence == "the generator of seed 86420 gives the padding of 1 of 60 images"
    (own,), _ = seeds_of_bytes(paddings, 86_420, 10)  # as the study's own seed
    assert own.evidence == leak.evidence


@pytest.mark.parametrize("words", GUESSES)
def test_places_that_follow_from_a_number_are_found_where_luck_would_not_do(words: str) -> None:
    def seen(guess: Any, raters: int) -> dict[int, list[str]]:
        return {
            rater: plan(guess(321, rater), 60, 3, 3, 20).kinds for rater in range(1, raters + 1)
        }

    (leak,), numbers = seeds_of_places(seen(GUESSES[words], 3), (60, 3, 3, 20), 0, 10_000)
    assert (leak.what, leak.evidence.split(",")[0]) == (f"follows from {words}", "with 321")
    assert list(numbers.values()) == [1000]
    chance = [random.Random(secrets.token_bytes(32)) for _ in range(3)]
    fair = {rater: plan(rng, 60, 3, 3, 20).kinds for rater, rng in enumerate(chance)}
    assert seeds_of_places(fair, (60, 3, 3, 20), 0, 10_000)[0] == []
    short = {1: plan(GUESSES[words](321, 1), 8, 1, 0, 4).kinds}
    # one golden trial in eight places: a million numbers explain it many times
    assert seeds_of_places(short, (8, 1, 0, 4), 321, 10_000) == (
        [],
        {"seeds tried against the places of trials": 0},
    )


# --- names ----------------------------------------------------------------------------------------


def exchange(body: bytes, path: str = "/api/trial") -> Exchange:
    return Exchange("POST", path, 200, (("content-type", "application/json"),), body)


def record(*bodies: bytes) -> Record:
    return Record([exchange(body) for body in bodies], bodies={body: body for body in bodies})


@pytest.mark.parametrize(
    "code",
    [
        lambda name: name,
        str.upper,
        lambda name: name.encode().hex(),
        lambda name: base64.b64encode(name.encode()).decode(),
        lambda name: base64.b64encode(b"x/" + name.encode() + b".png").decode(),
        lambda name: base64.urlsafe_b64encode(b"{" + name.encode() + b"}").decode(),
        lambda name: hashlib.sha256(name.encode()).hexdigest(),
        lambda name: hashlib.md5(name.encode()).hexdigest(),
        lambda name: "".join(f"%{byte:02X}" for byte in name.encode()),
        lambda name: f"prefix{name}suffix",
    ],
)
def test_a_name_is_found_in_every_code(code: Any) -> None:
    wanted = needles(["nafnet"], [], "/data/run")
    leaks, _ = search(record(json.dumps({"x": code("nafnet")}).encode()), record(b"{}"), wanted)
    assert [leak.where for leak in leaks] == ["POST /api/trial: body"] * len(leaks)
    assert any("model 'nafnet'" in leak.what for leak in leaks)


def test_a_word_that_every_study_has_is_no_leak_but_one_more_of_it_is() -> None:
    wanted = needles(["input"], [], "/data/run")
    usual = record(b'<input type="text">')
    assert search(record(b'<input type="number">'), usual, wanted)[0] == []
    assert search(record(b'<input type="input">'), usual, wanted)[0] != []


def test_hashes_of_a_pages_own_scripts_are_no_names_and_others_are_looked_at() -> None:
    page = b"<script>window.started = 1</script>"
    policy = content_policy(page)
    name = policy.partition("'sha256-")[2][:12]  # what a model would have to be called

    def found_in(header: str) -> int:
        record, control = Record(), Record()
        headers = (("content-security-policy", header),)
        record.exchanges.append(Exchange("GET", "/rate/", 200, headers, page))
        return len(search(record, control, needles([name], [], "a-run"))[0])

    assert found_in(policy) == 0
    assert found_in(f"{policy} https://{name}.example") > 0


def test_short_names_are_whole_words() -> None:
    wanted = needles(["tv"], [], "/data/run")
    assert search(record(b'{"a": "stvx"}'), record(b"{}"), wanted)[0] == []
    assert search(record(b'{"a": "out/tv.png"}'), record(b"{}"), wanted)[0] != []


def test_short_names_in_random_strings_are_chance_and_long_ones_are_not() -> None:
    rng = np.random.default_rng(0)
    ids = {base64.urlsafe_b64encode(rng.bytes(16)).decode().rstrip("=") for _ in range(3000)}
    assert any("nlm" in name.lower() for name in ids)
    wanted = needles(["nlm", "deblurnet"], [], "/data/run")
    seen = Record([exchange(b"{}")], issued=set(ids))
    assert search(seen, record(b"{}"), wanted)[0] == []
    seen.issued.add("Q3hxDeblurNetz8")
    assert [leak.what for leak in search(seen, record(b"{}"), wanted)[0]] == [
        "model 'deblurnet' as it is"
    ]


# --- files ----------------------------------------------------------------------------------------


def stimulus() -> bytes:
    image = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    return opaque_pngs([image])[0]


def served(body: bytes) -> Exchange:
    return Exchange("GET", "/s/abcdefgh", 200, (), body)


def test_a_stimulus_holds_nothing_but_pixels_and_padding() -> None:
    assert list(extra_bytes(served(stimulus()))) == []


def test_bytes_behind_the_end_and_behind_the_pixels_are_found() -> None:
    behind = list(extra_bytes(served(stimulus() + b"tv")))
    assert [leak.where for leak in behind] == ["GET /s/<random>: PNG after IEND"]
    image = np.zeros((64, 64, 3), np.uint8)
    parts = list(chunks(encode_png(image)))
    parts[1] = (b"IDAT", parts[1][1] + b"secret")
    hidden = list(extra_bytes(served(written(parts))))
    assert [leak.what for leak in hidden] == [
        "none: the image of most detail",
        "bytes behind the pixels",
    ]


# --- statistics -----------------------------------------------------------------------------------


def test_features_that_mean_nothing_raise_an_alarm_as_rarely_as_stated() -> None:
    rng = np.random.default_rng(0)
    content = np.repeat(np.arange(6), 12)
    image = content * 4 + np.tile(np.arange(4), 18)
    level, alarms = 0.1, 0
    for seed in range(200):
        values = rng.integers(0, 3, len(image))
        alarms += agreement(image, values, content, blocks=None, level=level, seed=seed) <= level
    # 200 tests at 0.1: 20 expected, 99.9 % of the binomial lies below 35
    assert alarms <= 35


def test_golden_images_shown_seldom_are_no_leak() -> None:
    """Groups of unequal size, and something rare that has nothing to do with them.

    Half the time it is spread over all trials, else it comes with one pair, as a session's end.
    """
    rng, level, alarms = np.random.default_rng(0), 0.1, 0
    stimulus = np.repeat(np.arange(48), np.tile([8, 8, 8, 1], 12))
    model, content = stimulus % 4, stimulus // 4
    for seed in range(100):
        rare = np.zeros(len(stimulus), np.intp)
        if seed % 2:
            rare[rng.choice(len(stimulus), 6, replace=False)] = 1
        else:
            pair = 4 * rng.integers(12) + rng.choice(4, 2, replace=False)
            rare[[rng.choice(np.flatnonzero(stimulus == one)) for one in pair]] = 1
        alarms += agreement(model, rare, content, blocks=stimulus, level=level, seed=seed) <= level
    assert alarms <= 21  # 10 expected, 99.9 % of the binomial lies below


def test_the_number_of_a_trial_tells_nothing_where_it_counts_and_else_is_a_leak() -> None:
    def found_where(said: Callable[[int, int], int]) -> list[Leak]:
        shown, truths = [], []
        for walk in range(3):
            for place in range(1, 25):
                content, model = place % 4, (place // 4 + walk) % 3
                for slot, number in (("a", model), ("b", (model + 1) % 3)):
                    url = f"/s/{secrets.token_urlsafe(16)}"
                    step = {
                        "trial": f"{walk} {place}",
                        "number": said(place, model),
                        "slots": {"a": url, "b": url},
                    }
                    shown.append(Shown(walk, slot, url, step, served(b"")))
                    truths.append(Truth(4 * content + number, number, content, main=False))
        leaks, _ = compare(shown, truths)
        return [leak for leak in leaks if leak.where.startswith("trial reply: number")]

    assert found_where(lambda place, model: place) == []
    (leak, *_) = found_where(lambda place, model: 1000 + model)
    assert leak.what.startswith("tells one")


def test_a_tag_of_each_model_and_a_tag_of_each_image_are_told_from_chance() -> None:
    content = np.repeat(np.arange(6), 12)
    model = np.tile(np.arange(4), 18)
    image = content * 4 + model
    tag = np.array([7, 3, 5, 1])[model]
    assert agreement(model, tag, content, blocks=image, level=0.001, seed=0) <= 0.001
    shuffled = np.random.default_rng(1).permutation(24)[image]
    assert agreement(image, shuffled, content, blocks=None, level=0.001, seed=0) <= 0.001
    assert agreement(model, shuffled, content, blocks=image, level=0.001, seed=0) > 0.001


def test_a_copy_has_no_raters_and_the_original_all_of_its_own(store: Store, run: Path) -> None:
    name = make_study(store, run)
    invite(store, name, 2)
    copy = copy_study(store, name, run.parent / "copy.db", disguised=True)
    try:
        with copy.read() as connection:
            assert connection.execute(select(func.count(schema.rater.c.id))).scalar_one() == 0
            text = repr(
                [
                    connection.execute(select(t)).all()
                    for t in (schema.study, schema.method, schema.content)
                ]
            )
        assert not any(word in text for word in ("restoreformer", "image0", "secret-run"))
    finally:
        copy.close()
