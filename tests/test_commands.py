"""Every command that the documents and the help print is there, and does as printed.

The commands run one after another, in the order of `RUN`, in a folder where the small things that
they name are: photographs, a run called demo, a trained network. What would take too long, needs a
download or waits for people is only read, with the reason beside it: its verb and options exist.
"""

from __future__ import annotations

import io
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import skimage
from typer.main import get_command

from bench.cli import app, main
from bench.runs.store import RunFolder
from raters.database.store import Store
from raters.studies.tokens import invite
from tests.support.runs import photograph_pairs
from tests.support.studies import judge, preferring, trained

HOUSE = Path(__file__).parents[1]
PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    "docs/architecture.md",
    "docs/cnn-against-gan.md",
    "docs/compression.md",
    "docs/deploy.md",
    "docs/example.md",
    "docs/faults.md",
    "docs/machines.md",
    "docs/metrics.md",
    "docs/video.md",
    "docs/shipped.md",
    "results/README.md",
)

READ = {
    "bench run --suite gopro:blur=blur --limit 110 --models input,unet,nafnet.pth": "9 GB",
    "bench run --suite gopro --data data/gopro --limit 50": "9 GB",
    "bench fetch gopro": "9 GB",
    "bench fetch weights lpips-alex": "244 MB",
    "bench fetch models nafnet-gopro-w32": "69 MB",
    "bench metrics --check": "has tests of its own",
    "bench fetch gopro --out data/gopro": "9 GB",
    "bench train unet --suite gopro --budget 1h": "9 GB",
    "bench train unet --suite gopro --preset paper": "9 GB",
    "bench train t1t4-gan --suite gopro --preset paper": "9 GB",
    "bench models unet-gan --recipe paper > my.toml": "test_recipe_files.py",
    "bench train unet-gan --suite gopro --recipe my.toml --set adversary.loss=lsgan "
    "--set losses.l1=0.5": "9 GB",
    "bench train cyclegan --suite gopro --set network.norm=group --set network.spectral=true": (
        "9 GB; test_construction.py"
    ),
    "bench run --suite demo --train never --models input,litenet,rescnn,unet": "test_shipped.py",
    "bench run --suite demo --models input,litenet,litenet-shipped-deblur": "minutes",
    "bench train dncnn --suite photos:sigma=5-50 --data holiday": "test_tasks.py",
    "bench train swinir --suite div2k:scale=4 --from x4_before.safetensors --devices 4": "3.9 GB",
    "bench report results/gopro/A results/gopro/B": "A and B stand for digests",
    "bench report results/gopro/A results/hide/C --across": "A and C stand for digests",
    "bench sweep docs/cnn-against-gan.toml": "40 minutes; test_ablation.py",
    "bench sweep docs/sweep.toml": "test_sweep.py",
    "bench sweep docs/sweep.toml --dry": "test_sweep.py",
    "bench run --suite folder --data made": "minutes; as for mine",
    "bench run --suite bsd68:sigma=25 --data BSD68 --models input,nlm,dncnn.pth": "a checkpoint",
    "bench run --suite set5:scale=4 --data Set5 --models bicubic,rrdb.pth": "a checkpoint",
    "bench run --suite demo --budget 75s": "minutes; nox -s demo",
    "bench profile unet --size 720x1280 --threads 1": "a minute",
    "bench demo": "serves until it is stopped; test_demo.py",
    "bench demo --models nlm,tv": "serves until it is stopped; test_demo.py",
    "bench demo --models nlm,tv --root-path /demo --max-megapixels 4 --no-browser": "serves",
    "bench report demo --costs edge.json": "test_elsewhere.py",
    "bench rate serve": "serves until it is stopped",
    "bench rate serve --host 0.0.0.0 --url https://study.example.org": "serves until stopped",
    "bench rate serve --url https://study.example.org/study": "serves until it is stopped",
    "bench rate new --run demo --url https://study.example.org/study": "as without --url",
    "bench rate copy --to postgresql+psycopg://bench@localhost/studies": "needs that server",
    "bench rate status --watch": "looks until it is stopped",
    "bench rate status demo-pair --watch": "looks until it is stopped",
    "bench rate plan --share 65% --models 8": "half a minute; its like is run",
    "bench suites check gopro --data data/gopro": "9 GB",
    "bench score my_outputs --reference data/gopro/test --metrics all": "9 GB",
    "bench rescore demo --metrics gmsd,haarpsi": "test_rescoring.py",
    "bench rate new --run demo --name simulated-raters --per-pair 86": "test_example.py",
    "bench rate close simulated-raters": "test_example.py",
    "bench rate analyse simulated-raters --out analysis": "test_example.py",
    "bench report demo --study results/studies.db#simulated-raters": "test_example.py",
    "bench rate new --run demo --protocol pair --ties": "as without --ties",
    "bench run --suite photos --data holiday": "test_photos.py",
    "bench metrics --time": "test_cost.py",
    "bench fetch onnxruntime-web": "33 MB; test_trial.py",
    "bench report demo --try unet": "33 MB; test_trial.py",
    "bench compress weights.safetensors --method prune --amount 0.4 --suite demo": (
        "test_compress.py"
    ),
    "bench compress weights.safetensors --method distil --into litenet --suite demo --budget 75s": (
        "test_compress.py"
    ),
    "bench compress t1t4-gan --method quantise --suite demo": "test_compress.py",
    "bench compress rescnn --method prune --amount 0.2,0.4,0.6 --suite demo": "test_compress.py",
    "bench compress rescnn-prune40.safetensors --method quantise --suite demo": "test_compress.py",
    "bench rate new --language de": "test_rate_texts.py",
    "bench rate new --texts texts.toml": "test_rate_texts.py",
    "bench run --suite gopro --devices 0,1": "needs two GPUs",
    "bench run --suite gopro:frames=5 --models input,rescnn,video-cnn,video-rnn "
    "--metrics psnr,ssim,tof,warp-error": "9 GB; test_sequences.py",
    "bench train video-rnn --suite reds:frames=5 --budget 1h": "27,000 pairs; test_windows.py",
    "bench restore weights.safetensors film.mp4 --out restored-films": "test_sequences.py",
    "bench score my_frames --reference sharp_frames --metrics psnr,tof": "test_temporal.py",
    "bench run --suite gopro --executor ray": "test_on_ray.py",
    "bench run --suite gopro --executor ray:address=10.0.0.1:6379": "test_on_ray.py",
    "bench sweep docs/sweep.toml --executor ray": "test_on_ray.py",
    "bench train unet --suite gopro --preset paper --devices 4": "9 GB",
    "bench run --suite gopro --models input,unet": "9 GB",
    "bench report gopro": "9 GB",
    "bench run --suite gopro --device cuda --executor ray:address=auto": "needs Slurm",
}
"""Commands that are not run here, and why."""

RUN = [
    "bench models",
    "bench models unet",
    "bench metrics",
    "bench profile --quantities",
    "bench suites",
    "bench suites show gopro",
    "bench doctor",
    "bench runs",
    "bench runs show demo",
    "bench report demo",
    "bench compare demo unet input --metric ssim",
    "bench pick demo --quality psnr --max latency_ms=50",
    "bench pick demo --quality ssim --max latency_ms=500 --max memory_mb=2048 --min psnr=20",
    "bench suites make photos --out made --blur shake,defocus --extent 0,3,6,9 --noise 0,5,15",
    "bench suites make photographs --out data/mine --blur shake,defocus",
    "bench run --suite folder --data mine",
    "bench restore weights.safetensors photo.jpg --out restored",
    "bench models litenet",
    "bench restore litenet photo.jpg --out deblurred",
    "bench restore litenet-shipped-denoise photo.jpg --out denoised",
    "bench restore nlm photos --out restored-photos --before-after --format jpeg",
    "bench export weights.safetensors --to onnx --out exported.onnx",
    "bench profile unet --export edge.onnx",
    "bench rate plan --share 60% --models 6 --images 40",
    "bench rate new --run demo --protocol pair",
    "bench rate texts --language de --out texts.toml",
    "bench rate texts --out texts.toml",
    "bench rate invite demo-pair -n 30 --out links.txt",
    "bench rate list",
    "bench rate extend demo-pair --per-pair 40",
    "bench rate backup studies-backup.db",
    "bench rate audit",
    "bench rate audit demo-pair",
    "bench rate erase demo-pair 7",
    "bench rate raters --csv",
    "bench rate raters demo-pair --csv --out raters.csv",
    "bench rate close demo-pair",
    "bench rate export demo-pair --out judgements.csv",
    "bench rate analyse demo-pair --out analysis",
    "bench report demo --study results/studies.db",
    "bench pick demo --quality people --study results/studies.db --max gmacs=100",
    "bench rate reopen demo-pair",
    "bench rate delete demo-pair --yes",
    "bench runs remove results/demo/0a1b2c3d --yes",
    "bench compress weights.safetensors --method quantise --suite demo",
]
"""Commands in an order in which each finds what it needs."""

PLACEHOLDER = re.compile(r"(?<![\w$])[A-Z]{1,}(_[A-Z]+)*(?![\w.])|\.\.(?!/)|\[")


def verbs() -> Iterator[tuple[list[str], Any]]:
    """Yield every command of the command line with its words."""

    def walk(command: Any, words: list[str]) -> Iterator[tuple[list[str], Any]]:
        yield words, command
        for name, below in getattr(command, "commands", {}).items():
            yield from walk(below, [*words, name])

    return walk(get_command(app), [])


def printed() -> dict[str, str]:
    """Return every command that is printed, and where: lines of code, words in backticks, help."""
    found: dict[str, str] = {}
    for page in PAGES:
        text = (HOUSE / page).read_text(encoding="utf-8")
        for block in re.findall(r"```\n(.*?)```", text, re.DOTALL):
            for line in block.splitlines():
                for part in re.split(r"\s&&\s", re.split(r"\s+#", line)[0]):
                    if part.strip().startswith("bench "):
                        found.setdefault(part.strip(), page)
        for quoted in re.findall(
            r"`(bench [^`]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL)
        ):
            found.setdefault(" ".join(quoted.split()), page)
    for words, command in verbs():
        for example in re.findall(r"\[bold\](bench .*?)\[/bold\]", command.epilog or ""):
            found.setdefault(example, f"help of {' '.join(words)}")
        texts = [command.help or "", *(getattr(p, "help", None) or "" for p in command.params)]
        for quoted in re.findall(r"'(bench [^']+)'", " ".join(texts)):
            found.setdefault(quoted, f"help of {' '.join(words)}")
    return found


def read_only(line: str) -> None:
    """Assert that a command's verb and options are there, without calling it."""
    command: Any = get_command(app)
    words = shlex.split(line)[1:]
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        assert words[0] in command.commands, f"{line}: no verb {words[0]}"
        command, words = command.commands[words[0]], words[1:]
    options = {o for p in command.params for o in (*p.opts, *p.secondary_opts)}
    for word in words:
        if word.startswith("-"):
            assert word.partition("=")[0] in {*options, "-h", "--help"}, f"{line}: no {word}"


def is_run_or_read(line: str) -> bool:
    """Say whether a command is one of the tables', or names a verb or a form and no more."""
    return line in READ or line in RUN or bool(PLACEHOLDER.search(line)) or is_a_mention(line)


def is_a_mention(line: str) -> bool:
    """Say whether a line is a verb's bare name, which a sentence speaks of."""
    return line.split()[1:] in [words for words, _ in verbs()]


@pytest.mark.parametrize(("line", "where"), printed().items())
def test_a_printed_command_is_one_of_ours(line: str, where: str) -> None:
    assert is_run_or_read(line), f"'{line}' ({where}) is neither run below nor excepted"
    read_only(line)


def test_no_exception_is_stale() -> None:
    lines = printed()
    assert [line for line in (*READ, *RUN) if line not in lines and not is_a_mention(line)] == []


def test_every_verb_prints_for_programs() -> None:
    without = {
        " ".join(words)
        for words, command in verbs()
        if words and not any("--json" in p.opts for p in command.params)
    }
    assert without == {"rate"}  # what its own verbs are under


@pytest.fixture
def prepared(tmp_path: Path, photographs_run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the commands name: photographs, and a run of the suite demo."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BENCH_RESULTS", raising=False)
    run = tmp_path / "results" / "demo" / "0a1b2c3d"
    shutil.copytree(photographs_run.path, run)
    for path in sorted(run.rglob("*sharper*")):  # one of its models is called unet here
        path.rename(path.with_name(path.name.replace("sharper", "unet")))
    for path in [p for p in run.rglob("*") if p.suffix in (".json", ".csv", ".jsonl")]:
        path.write_text(path.read_text().replace("sharper", "unet"))
    pairs = photograph_pairs(tmp_path / "mine", ("astronaut", "chelsea"), (64, 64))
    for folder in ("photos", "photographs"):  # one each, of the size that --crop 256 needs
        (tmp_path / folder).mkdir()
        shutil.copy(Path(skimage.data_dir) / "astronaut.png", tmp_path / folder)
    assert pairs[0].reference is not None
    shutil.copy(pairs[0].reference, tmp_path / "photo.jpg")
    save_unet(tmp_path / "weights.safetensors")
    return tmp_path


def save_unet(path: Path) -> None:
    """Write untrained weights of a small network as a training does."""
    from models.catalogue import MODELS
    from models.loading import build_network
    from models.weights import save_weights
    from tests.support.training import header_of

    save_weights(path, build_network(MODELS["unet"], 0), header_of("unet"))


def answer(db: str) -> None:
    """Let ten people judge the study."""
    store = Store(db)
    strength = {"input": 0.0, "unsharp": 0.5, "nlm": 1.0, "tv": 0.2, "median": -0.5, "unet": 1.5}
    rule = preferring(store, strength)
    for token in invite(store, "demo-pair", 10):
        judge(trained(store, token), rule)
    store.close()


def call(line: str) -> tuple[int, str]:
    """Run a command in this process; return its exit status and all that it printed."""
    shown = io.StringIO()
    words = shlex.split(line)
    with patch.object(sys, "argv", words), redirect_stdout(shown), redirect_stderr(shown):
        try:
            main()
        except SystemExit as end:
            return int(end.code or 0), shown.getvalue()
    return 0, shown.getvalue()


@pytest.mark.slow
def test_printed_commands_do_as_printed(prepared: Path) -> None:
    failed: dict[str, str] = {}
    told: list[str] = []
    for line in RUN:
        if line == "bench rate erase demo-pair 7":
            answer(f"sqlite:///{prepared}/results/studies.db")
        status, shown = call(line)
        told += re.findall(r"^next: (.*)$", shown, re.MULTILINE)
        if status:
            failed[line] = f"{status}: {shown[-600:]}"
    for line in dict.fromkeys(told):
        assert line.startswith("bench "), line
        read_only(line)
    assert failed == {}
    assert (prepared / "restored" / "photo.png").is_file()
    assert len((prepared / "links.txt").read_text().split()) == 30
    assert (prepared / "judgements.csv").is_file()
    assert (prepared / "analysis" / "tables").is_dir()
    assert not (prepared / "results" / "demo" / "0a1b2c3d").exists()


@pytest.mark.slow
def test_next_lines_run_as_printed_from_a_folder_with_spaces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, photographs_run: RunFolder
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENCH_RESULTS", str(tmp_path / "my results"))
    run = tmp_path / "my results" / "demo" / "0a1b2c3d"
    shutil.copytree(photographs_run.path, run)
    status, shown = call("bench runs show demo")
    assert status == 0
    (line,) = re.findall(r"^next: (.*)$", shown, re.MULTILINE)
    status, shown = call(line)
    assert status == 0, shown
    photos = tmp_path / "my photos"
    photos.mkdir()
    shutil.copy(Path(skimage.data_dir) / "astronaut.png", photos)
    status, shown = call(
        "bench suites make 'my photos' --out 'my set' --extent 3 --noise 0 --crop 64"
    )
    assert status == 0, shown
    (line,) = re.findall(r"^next: (.*)$", shown, re.MULTILINE)
    assert line == "bench run --suite folder --data 'my set'"
    status, shown = call(f"{line} --models input --metrics psnr --profile none")
    assert status == 0, shown
