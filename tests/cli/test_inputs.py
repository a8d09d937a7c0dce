"""What users type, as values of the library; and the library's words, as flags."""

import click
import pytest

from chexnet.cli.inputs import parse_thresholds
from chexnet.cli.shared import errors, table_options, with_flags

FINDINGS = ("Pneumonia", "Pleural_Thickening")


def test_thresholds_are_given_by_name_where_there_are_several():
    given = ("pneumonia=0.3", "Pleural Thickening=.5")
    assert parse_thresholds(given, FINDINGS) == {"Pneumonia": 0.3, "Pleural_Thickening": 0.5}
    assert parse_thresholds(("0.3",), ("Mass",)) == {"Mass": 0.3}
    assert parse_thresholds((), FINDINGS) == {}


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (("0.3",), "name the finding, such as Pneumonia=0.3"),
        (("Edema=0.3",), "'Edema' is none of Pneumonia, Pleural_Thickening"),
        (("Pneumonia=high",), "expected a number"),
        (("Pneumonia=0.3", "pneumonia=0.4"), "Pneumonia already has 0.3"),
    ],
)
def test_wrong_thresholds_are_refused(given, reason):
    with pytest.raises(click.UsageError, match=reason):
        parse_thresholds(given, FINDINGS)


def test_an_argument_in_a_message_becomes_the_flag_of_the_command():
    @click.command()
    @table_options
    @click.option("--gate/--no-gate", "gate")
    def command(**_):
        with errors():
            raise ValueError("use `image_column`, `prefix`, `no_gate`, not `unheard_of`")

    with pytest.raises(click.ClickException) as raised:
        command.main([], standalone_mode=False)
    assert with_flags("`image_column`") == "`image_column`", "no command is running"
    assert str(raised.value) == "use --image-column, --prefix, --no-gate, not `unheard_of`"
