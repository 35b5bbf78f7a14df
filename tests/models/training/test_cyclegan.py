"""Learning without pairs: it learns, never sees a pair, resumes, and is the same twice."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bench.core.errors import BenchError
from bench.image import write_png
from bench.records import Pair
from models.catalogue import MODELS
from models.checkpoints import read_state
from models.loading import build_network, load_restorer
from models.recipes import Adversary, Recipe
from models.training.cyclegan import Cycle
from models.training.data import PairedCrops, UnpairedCrops, ViewCache, validation_crops
from models.training.losses import psnr
from models.training.plan import Task
from models.training.train import Job, train
from tests.support.ports import free_port
from tests.support.training import DISCRIMINATOR, content_of, curves, job_of

pytestmark = pytest.mark.usefixtures("one_thread")

ROOT = Path(__file__).parents[3]
RECIPE = Recipe(
    method="cyclegan",
    losses={},
    batch=2,
    crop=32,
    validate_every=20,
    learning_rate=2e-3,
    adversary=Adversary("lsgan", weight=1.0, learning_rate=5e-4, pool=50, identity=5.0),
)
SMALL = replace(
    MODELS["cyclegan"],
    options={"width": 12, "blocks": 0},
    discriminator=DISCRIMINATOR,
    recipe=RECIPE,
)


def job(pairs: list[Pair], folder: Path, steps: int, recipe: Recipe = RECIPE) -> Job:
    return job_of(pairs, folder, SMALL, recipe, budget=f"{steps}steps")


@pytest.mark.slow
def test_without_a_pair_it_learns_to_draw_what_it_is_shown(
    pairs: list[Pair], tmp_path: Path
) -> None:
    trained = train(job(pairs, tmp_path, 80))
    degraded, reference = validation_crops(pairs[4:])
    with torch.no_grad():
        untrained = float(psnr(build_network(SMALL, 0)(degraded), reference).mean())
    assert trained.header.validation.psnr > untrained + 1.5
    found = curves(tmp_path / "cyclegan.csv")
    assert found["train_loss"][-1] < 0.8 * found["train_loss"][0]
    assert found["train_cycle"][-1] < 0.85 * found["train_cycle"][0]
    both = ("discriminator", "score_real", "score_restored")
    terms = {"loss", "cycle", "adversarial", "identity", "psnr", "ssim", *both}
    names = {f"train_{name}" for name in terms | {f"{name}_back" for name in both}}
    assert {name for name in found if name.startswith("train_")} == names
    restorer = load_restorer(str(trained.weights))
    assert restorer.network is not None
    assert set(read_state(trained.weights)) == set(restorer.network.state_dict())  # one of the two


@pytest.mark.slow
def test_interrupted_and_called_again_it_gives_the_same_file(
    pairs: list[Pair], tmp_path: Path
) -> None:
    recipe = replace(RECIPE, validate_every=4, adversary=Adversary("lsgan", 1.0, pool=3))
    whole = train(job(pairs, tmp_path / "whole", 10, recipe))
    broken = job(pairs, tmp_path / "broken", 10, recipe)

    def interrupt(stage: str, done: float, total: float, text: str = "") -> None:
        if done == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(broken, interrupt)
    last = read_state(broken.folder / "cyclegan.last.ckpt")
    sides = {name.partition(".")[0] for name in last["state_dict"]}
    assert sides == {"network", "back", "discriminator", "discriminator_back"}
    assert {name: len(kept) for name, kept in last["training"]["method"].items()} == {
        "pool": 3,
        "pool_back": 3,
    }
    assert len(last["optimizer_states"]) == 2
    resumed = train(broken)
    assert content_of(resumed.weights) == content_of(whole.weights)


def test_what_is_minimised_is_the_sum_of_its_terms(pairs: list[Pair]) -> None:
    """Against the definition, written out."""
    adversary = Adversary("lsgan", weight=2.0, cycle=10.0, identity=5.0)
    recipe = replace(RECIPE, adversary=adversary, learning_rate=0.0)
    network = build_network(SMALL, 0)
    module = Cycle(
        Task(
            network=network,
            recipe=recipe,
            pairs=pairs,
            validation=validation_crops(pairs[4:]),
            card=SMALL,
        )
    )
    a, b = torch.rand(2, 1, 3, 32, 32)
    forth, back = module.network, module.back
    with torch.no_grad():
        cycle = (back(forth(a)) - a).abs().mean() + (forth(back(b)) - b).abs().mean()
        identity = (forth(b) - b).abs().mean() + (back(a) - a).abs().mean()
        real = module.discriminator(forth(a)), module.discriminator_back(back(b))
        adversarial = sum(((scores - 1) ** 2).mean() for scores in real)
    _, terms = module.learn((a, b), module.configure_optimizers())
    found = {name: float(value.detach()) for name, value in terms.items()}
    assert found["cycle"] == pytest.approx(float(cycle), rel=1e-5)
    assert found["identity"] == pytest.approx(float(identity), rel=1e-5)
    assert found["adversarial"] == pytest.approx(float(adversarial), rel=1e-5)
    total = 2 * found["adversarial"] + 10 * found["cycle"] + 5 * found["identity"]
    assert found["loss"] == pytest.approx(total, rel=1e-5)
    same = [torch.equal(x, y) for x, y in zip(forth.parameters(), back.parameters(), strict=True)]
    assert not all(same)  # two networks, drawn apart


@pytest.mark.parametrize(
    ("recipe", "count", "said"),
    [
        (replace(RECIPE, losses={"l1": 1.0}), 4, "no use for the losses l1"),
        (RECIPE, 1, "2 images at least are needed; got 1"),
        (replace(RECIPE, adversary=None), 4, "names no adversary"),
    ],
)
def test_what_cannot_be_learnt_so_is_refused(
    pairs: list[Pair], tmp_path: Path, recipe: Recipe, count: int, said: str
) -> None:
    with pytest.raises(BenchError, match=said):
        train(replace(job(pairs, tmp_path, 4, recipe), train=pairs[:count]))


# --- crops without pairs --------------------------------------------------------------------------


@pytest.fixture
def flat(tmp_path: Path) -> list[Pair]:
    """Return pairs of flat images: degraded 10 + n, reference 20 + n."""
    found = []
    for number in range(5):
        paths = [tmp_path / f"{name}{number}.png" for name in ("a", "b")]
        for path, level in zip(paths, (10 + number, 20 + number), strict=True):
            write_png(path, np.full((40, 40, 3), level, np.uint8))
        found.append(Pair(str(number), *paths, str(number)))
    return found


def levels(item: Any) -> list[int]:
    return [round(float(image.mean()) * 255) for image in item]


def test_a_sharp_crop_is_never_of_the_degraded_ones_pair(flat: list[Pair]) -> None:
    options: Any = {"side": 16, "seed": 7, "augment": ("flip", "rot90"), "start": 0, "stop": 300}
    paired = PairedCrops(flat, cache=ViewCache(), **options)
    unpaired = UnpairedCrops(flat, cache=ViewCache(), **options)
    partners = set()
    for index in range(300):
        degraded, reference, sharp = levels(unpaired[index])
        assert [degraded, reference] == levels(paired[index])
        assert sharp - 20 != degraded - 10
        partners.add((degraded - 10, sharp - 20))
    assert len(partners) == 5 * 4  # every other one comes up


def test_crops_follow_from_seed_and_number_alone(photograph: Any, tmp_path: Path) -> None:
    pairs = []
    for number in range(3):
        path = tmp_path / f"{number}.png"
        write_png(path, np.ascontiguousarray(photograph[:64, 64 * number : 64 * number + 64]))
        pairs.append(Pair(str(number), path, path, str(number)))
    options: Any = {"side": 16, "augment": ("flip",), "stop": 20, "cache": ViewCache()}
    whole = UnpairedCrops(pairs, seed=7, start=0, **options)
    rest = UnpairedCrops(pairs, seed=7, start=12, **options)
    other = UnpairedCrops(pairs, seed=8, start=0, **options)
    assert all(torch.equal(x, y) for x, y in zip(whole[15], rest[3], strict=True))
    assert not all(torch.equal(x, y) for x, y in zip(whole[15], other[15], strict=True))


# --- several devices ------------------------------------------------------------------------------

SCRIPT = """
import sys
from dataclasses import replace
from pathlib import Path

import torch

from models.recipes import Execution
from models.training.train import train
from tests.models.training.test_cyclegan import RECIPE, job
from tests.support.training import pairs_in

if __name__ == "__main__":
    torch.set_num_threads(1)
    adversary = replace(RECIPE.adversary, pool=0)  # each device has a pool of its own
    pairs, folder, (devices, nodes) = pairs_in(Path(sys.argv[1])), Path(sys.argv[2]), sys.argv[3:]
    exact = Execution(precision="float32")  # in bfloat16 halves of a batch round otherwise
    asked = job(pairs, folder, 3, replace(RECIPE, adversary=adversary, execution=exact))
    train(replace(asked, devices=int(devices), nodes=int(nodes)))
"""


@pytest.mark.slow
def test_two_devices_and_two_nodes_learn_what_one_device_learns(
    folder_suite: Path, tmp_path: Path
) -> None:
    """Four networks, two optimisers: the mean gradient of two halves is that of the batch."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    together = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    for name, devices, nodes in (("one", 1, 1), ("devices", 2, 1), ("nodes", 1, 2)):
        started = [
            subprocess.Popen(
                [sys.executable, script, folder_suite, tmp_path / name, str(devices), str(nodes)],
                env=environment | ({**together, "NODE_RANK": str(rank)} if nodes > 1 else {}),
                cwd=tmp_path,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            for rank in range(nodes)
        ]
        for process in started:
            told = process.communicate(timeout=300)[0].decode()
            assert process.returncode == 0, told
    one, *several = (
        read_state(tmp_path / name / "cyclegan.safetensors") for name in ("one", "devices", "nodes")
    )
    # a bias before a normalisation has no effect and no gradient but rounding
    weights = [name for name in one if name.endswith("weight")]
    for two in several:
        differences = [float((one[name] - two[name]).abs().max()) for name in weights]
        assert max(differences) < 1e-4  # a step of Adam is up to 2e-3
