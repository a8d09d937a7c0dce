"""However a header or a stream is damaged, one file gives one radiograph or one error with its name."""

import pytest
from mutations import headers, outcome, streams, survey


@pytest.mark.parametrize("files", [headers, streams])
def test_the_files_are_read_before_they_are_damaged(files):
    assert {name: outcome(data) for name, data in files().items()} == dict.fromkeys(files(), "read")


@pytest.mark.parametrize(("kind", "count"), [("headers", 1500), ("streams", 240)])
def test_damage_is_read_or_refused_and_never_unforeseen(kind, count):
    outcomes = survey(kind, count)
    assert set(outcomes) == {"read", "refused"}, outcomes
    # Damage that is always or never noticed would test nothing.
    assert min(outcomes.values()) > count / 50


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "count"), [("headers", 120_000), ("streams", 20_000)])
def test_much_damage_is_read_or_refused_and_never_unforeseen(kind, count):
    outcomes = survey(kind, count, seed=1)
    assert set(outcomes) == {"read", "refused"}, outcomes
