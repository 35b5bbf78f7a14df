"""What is drawn from a study's secret."""

from __future__ import annotations

from raters.studies.secret import derived, drawn, new_secret, stream


def test_a_secret_has_256_bits_and_none_is_like_another() -> None:
    secrets = {new_secret() for _ in range(100)}
    assert {len(bytes.fromhex(secret)) * 8 for secret in secrets} == {256}
    assert len(secrets) == 100


def test_what_is_derived_follows_from_all_of_secret_purpose_and_parts() -> None:
    one, other = new_secret(), new_secret()
    made = [
        derived(one, "side", 1, 23),
        derived(other, "side", 1, 23),
        derived(one, "plan", 1, 23),
        derived(one, "side", 12, 3),
        derived(one, "side", "1", "2", "3"),
        derived(one, "side1", 23),
        derived(one, "side", 123),
    ]
    assert len(set(made)) == len(made)
    assert derived(one, "side", 1, 23) == made[0]
    assert drawn(one, "side", 5).random() == drawn(one, "side", 5).random()
    assert stream(one, 100, "padding", "a")[:50] == stream(one, 50, "padding", "a")
    assert stream(one, 50, "padding", "a") != stream(one, 50, "padding", "b")
