import pytest

from chexnet.statistics import images_for_proportion, positives_for_auroc, positives_for_comparison


def test_each_plan_is_that_of_the_library(chexnet_cli):
    found = chexnet_cli("plan", "auroc", "0.80", "--half-width", "0.03", "--negatives-per-positive", "20")
    positives = positives_for_auroc(0.80, 0.03, 20.0)
    assert found.out == f"{positives:,} images with the finding\n{20 * positives:,} images without it\n"
    found = chexnet_cli("plan", "compare", "0.80", "0.85", "--power", "0.9")
    assert found.out.startswith(
        f"{positives_for_comparison(0.80, 0.85, power=0.9):,} images with the finding\n"
    )
    found = chexnet_cli("plan", "share", "0.9", "--half-width", "0.05")
    assert found.out == f"{images_for_proportion(0.9, 0.05):,} images\n"


def test_alike_images_of_a_patient_need_more_of_them(chexnet_cli):
    found = chexnet_cli(
        "plan", "share", "0.9", "--half-width", "0.05", "--images-per-patient", "3", "--alike", "0.5"
    )
    assert found.out == f"{2 * images_for_proportion(0.9, 0.05):,} images\n"


def test_the_power_of_a_reader_study_is_printed(chexnet_cli):
    # The pilot is Van Dyke's study: standard error 0.0207 with its own readers and cases.
    pilot = [
        "--pilot-cases",
        "114",
        "--interaction",
        "0.00055103",
        "--variance",
        "0.00080229",
        "--cov1",
        "0.00034661",
    ]
    found = chexnet_cli(
        *["plan", "readers", "0.05", "--readers", "5", "--cases", "114"],
        *pilot,
        *["--cov2", "0.00034407", "--cov3", "0.00023903"],
    )
    assert "standard error 0.0207, 15.3 degrees of freedom" in found.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("auroc 80 --half-width 0.03", "expected 0 < AUROC < 1"),
        ("compare 0.8 0.8", "the smallest difference that matters"),
        ("share 0.9 --half-width 0.05 --images-per-patient 0.5", "expected 1 or more"),
    ],
)
def test_impossible_plans_are_one_line(chexnet_cli, arguments, said):
    found = chexnet_cli("plan", *arguments.split())
    assert found.status == 1
    assert said in found.err
