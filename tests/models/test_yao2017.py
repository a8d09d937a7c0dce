import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from references import label_marginals_by_enumeration

from chexnet.models import DenseNet121
from chexnet.models.densenet import FEATURE_MAPS
from chexnet.models.yao2017 import UNITS, LabelDecoder, Yao2017

NAN = float("nan")


def decoder(labels, seed=0, scale=3.0):
    """Weights large enough that each label depends much on those before it."""
    made = LabelDecoder(labels, torch.Generator().manual_seed(seed)).double()
    with torch.no_grad():
        for weight in made.parameters():
            weight.mul_(scale)
    return made.eval()


def encoding(seed=0, films=2):
    return torch.randn(
        films, FEATURE_MAPS, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)
    )


def by_torchs_lstm(made, code, labels):
    """The conditional log odds by torch's own LSTM cell with the same weights."""
    cell = torch.nn.LSTMCell(made.labels, UNITS).double()
    with torch.no_grad():
        cell.weight_ih.copy_(made.label.weight)
        cell.weight_hh.copy_(made.recurrence.weight)
        cell.bias_ih.copy_(made.recurrence.bias)
        cell.bias_hh.zero_()
    hidden, state = made.initial_hidden(code), made.initial_cell(code)
    read = torch.zeros(len(code), made.labels, dtype=torch.float64)
    logits = []
    for step in range(made.labels):
        hidden, state = cell(read, (hidden, state))
        logits.append(made.readout(hidden)[:, step])
        read = torch.zeros_like(read)
        read[:, step] = 2 * labels[:, step] - 1
    return torch.stack(logits, dim=1)


def test_teacher_forcing_agrees_with_torchs_lstm():
    made, code = decoder(14), encoding(films=5)
    labels = torch.randint(0, 2, (5, 14), generator=torch.Generator().manual_seed(1)).double()
    with torch.no_grad():
        ours, theirs = made.conditional(code, labels), by_torchs_lstm(made, code, labels)
    torch.testing.assert_close(ours, theirs)
    assert float(ours.std()) > 1


@settings(max_examples=15)
@given(st.integers(1, 5), st.integers(0, 2**31), st.floats(0.1, 5))
def test_marginals_are_the_sums_over_all_ways_the_labels_can_turn_out(labels, seed, scale):
    made, code = decoder(labels, seed, scale), encoding(seed)
    with torch.no_grad():
        marginals = torch.sigmoid(made.marginal(code)).numpy()
        expected = label_marginals_by_enumeration(
            lambda y: torch.sigmoid(made.conditional(code, torch.tensor([y] * len(code)).double())).numpy(),
            labels,
        )
    assert marginals == pytest.approx(expected, abs=1e-12)


def test_the_first_label_depends_on_the_film_alone():
    made, code = decoder(3), encoding()
    with torch.no_grad():
        first = made.marginal(code)[:, 0]
        for label in (0.0, 1.0, NAN):
            given_labels = torch.full((2, 3), label, dtype=torch.float64)
            torch.testing.assert_close(made.conditional(code, given_labels)[:, 0], first)


def test_a_label_depends_on_those_before_it_and_on_none_after():
    made, code = decoder(4), encoding()
    labels = torch.tensor([[0.0, 1.0, 0.0, 1.0]] * 2, dtype=torch.float64)
    changed = labels.clone()
    changed[:, 2] = 1.0
    with torch.no_grad():
        one, other = made.conditional(code, labels), made.conditional(code, changed)
    assert torch.equal(one[:, :3], other[:, :3])
    assert float((one[:, 3] - other[:, 3]).abs().min()) > 1e-3


def test_an_unknown_label_says_something_between_present_and_absent_and_no_gradient_is_lost():
    made, code = decoder(2, scale=1.0), encoding()
    with torch.no_grad():
        absent, unknown, present = (
            made.conditional(code, torch.tensor([[label, 0.0]] * 2).double())[:, 1]
            for label in (0.0, NAN, 1.0)
        )
        torch.testing.assert_close(
            made.conditional(code, torch.tensor([[0.5, 0.0]] * 2).double())[:, 1], unknown
        )
    assert torch.isfinite(unknown).all()
    assert not torch.equal(absent, unknown)
    assert not torch.equal(present, unknown)


def test_extreme_readouts_keep_marginals_finite():
    made = decoder(6, scale=300.0).float()
    with torch.no_grad():
        logits = made.marginal(encoding().float())
    assert torch.isfinite(logits).all()


@pytest.fixture(scope="module")
def network():
    return Yao2017(14, generator=torch.Generator().manual_seed(0)).eval()


def test_fourteen_labels_are_decoded_exactly_and_there_are_no_maps(network):
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        logits, maps = network(images)
        alone = torch.cat([network(image[None]).logits for image in images])
        code = network.feature_maps(images).mean(dim=(2, 3)).double()
        in_double = copy.deepcopy(network.decoder).double().marginal(code)
    assert maps is None
    assert logits.shape == (2, 14)
    torch.testing.assert_close(logits, alone, atol=1e-5, rtol=0)
    # 8,192 probabilities are added in float32.
    torch.testing.assert_close(logits.double(), in_double, atol=1e-5, rtol=0)


def test_the_encoder_is_chexnets_trunk(network):
    chexnet = DenseNet121(14)
    chexnet.features.load_state_dict(network.features.state_dict())
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        torch.testing.assert_close(network.feature_maps(images), chexnet.eval().feature_maps(images))


def test_a_generator_decides_the_initial_weights():
    one, same, other = (Yao2017(2, generator=torch.Generator().manual_seed(s)) for s in (3, 3, 4))
    assert all(torch.equal(value, same.state_dict()[key]) for key, value in one.state_dict().items())
    assert not torch.equal(one.decoder.label.weight, other.decoder.label.weight)
    assert not torch.equal(one.features.conv0.weight, other.features.conv0.weight)
