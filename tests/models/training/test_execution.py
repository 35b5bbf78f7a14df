"""How steps are computed: in lower precision where the device has it, and never what is kept."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from bench.core.errors import BenchError
from bench.records import Pair
from models.catalogue import MODELS
from models.loading import build_network
from models.recipe_files import changed
from models.recipes import Execution, Recipe
from models.training.execution import precision_of, told
from models.training.methods import training_of
from models.training.module import Training
from models.training.plan import Task
from models.training.train import Job, train

LOWER, FULL = Execution(precision="bfloat16"), Execution(precision="float32")


def module_of(name: str, execution: Execution, **recipe: Any) -> Training:
    card = MODELS[name]
    network = build_network(card, 0)
    for parameter in network.parameters():  # what begins at 0 has no gradient before it
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.05)
    made = Recipe(clip=None, execution=execution, **recipe)
    images = torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32)
    return training_of(Task(network=network, recipe=made, pairs=[], validation=images, card=card))


def test_the_precision_is_what_the_processor_is_fast_in(monkeypatch: pytest.MonkeyPatch) -> None:
    auto = Execution()
    for able, expected in (
        ({"avx512_bf16": True}, "bfloat16"),
        ({"avx512_f": True, "avx512_bf16": False}, "float32"),
        ({}, "float32"),
    ):
        tells = partial(dict, able)
        monkeypatch.setattr("torch.cpu.get_capabilities", tells, raising=False)
        assert precision_of(auto, "cpu") == expected
        assert precision_of(FULL, "cpu") == "float32"
        assert told(auto, "cpu") == {"precision": expected, "compile": False, "fused": True}


def test_a_precision_that_is_none_is_refused() -> None:
    with pytest.raises(BenchError, match="no precision 'float8'; did you mean"):
        precision_of(Execution(precision="float8"), "cpu")  # type: ignore[arg-type]
    with pytest.raises(BenchError, match="precission"):
        changed(Recipe(), ["execution.precission=float32"])
    with pytest.raises(BenchError, match=r"execution\.precision"):
        changed(Recipe(), ["execution.precision=half"])


def test_a_recipe_of_ones_own_says_how_steps_are_computed() -> None:
    found = changed(Recipe(), ["execution.precision=float32", "execution.fused=false"])
    assert found.execution == Execution(precision="float32", fused=False)
    assert "changed by hand: execution" in found.source


@pytest.mark.parametrize("name", ["litenet", "unet-classic"])
def test_a_lower_precision_points_the_same_way(name: str) -> None:
    """Of a step's gradient in bfloat16, a fiftieth of the square lies elsewhere at most."""
    torch.manual_seed(0)
    batch = torch.rand(2, 3, 32, 32), torch.rand(2, 3, 32, 32)
    gradients = []
    for execution in (FULL, LOWER):
        torch.manual_seed(1)  # of dropout
        module = module_of(name, execution, losses={"mse": 1.0}).train()
        optimiser = torch.optim.SGD(module.network.parameters(), lr=0.0)
        module.step(batch, [optimiser])
        parts = [p.grad.flatten() for p in module.network.parameters() if p.grad is not None]
        gradients.append(torch.cat(parts))
    full, lower = gradients
    assert lower.dtype == torch.float32
    assert not torch.equal(full, lower)
    assert float(torch.cosine_similarity(full, lower, dim=0)) > 0.99


def test_only_steps_are_computed_in_lower_precision() -> None:
    module = module_of("rescnn", LOWER)
    seen: list[torch.dtype] = []
    head = next(m for m in module.network.modules() if isinstance(m, torch.nn.Conv2d))
    head.register_forward_hook(lambda *given: seen.append(given[2].dtype))
    batch = torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32)
    _, terms = module.train().step(batch, module.configure_optimizers())
    module.eval()(batch[0])
    assert seen == [torch.bfloat16, torch.float32]
    assert terms["loss"].dtype == torch.float32
    assert {p.dtype for p in module.network.parameters()} == {torch.float32}


def test_weights_say_how_they_were_computed_and_go_on_only_so(
    tmp_path: Path, pairs: list[Pair], one_thread: None
) -> None:
    job = Job(
        card=MODELS["rescnn"],
        recipe=Recipe(batch=1, crop=16, execution=LOWER),
        suite="folder",
        train=pairs[:4],
        val=pairs[4:],
        folder=tmp_path / "t",
        budget="2steps",
    )
    header = train(job).header
    assert header.execution == {
        "precision": "bfloat16",
        "layout": "channels last",
        "replicas": 1,
        "compile": False,
        "fused": True,
    }
    other = replace(job, recipe=replace(job.recipe, execution=FULL))
    with pytest.raises(BenchError, match="precision was 'bfloat16', now 'float32'"):
        train(other)


@pytest.mark.slow
def test_a_compiled_network_learns_the_same(
    tmp_path: Path, pairs: list[Pair], one_thread: None
) -> None:
    found = []
    for compiled in (False, True):
        execution = replace(FULL, compile=compiled)
        job = Job(
            card=replace(MODELS["rescnn"], options={"width": 8, "blocks": 1}),
            recipe=Recipe(batch=2, crop=16, average=0.9, execution=execution),
            suite="folder",
            train=pairs[:4],
            val=pairs[4:],
            folder=tmp_path / f"{compiled}",
            budget="6steps",
        )
        found.append(train(job).header)
    assert found[1].execution["compile"] is True
    assert found[1].validation.psnr == pytest.approx(found[0].validation.psnr, abs=0.01)
