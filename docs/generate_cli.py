"""Writes `docs/cli.md` from the commands' own help: ``python docs/generate_cli.py``."""

from pathlib import Path

import click

from chexnet.cli import main

PAGE = Path(__file__).with_name("cli.md")
HEAD = "# The commands\n\nGenerated from `--help` by `python docs/generate_cli.py`; do not edit.\n"


def reference() -> str:
    """The page."""
    width = {"terminal_width": 100, "max_content_width": 100}
    context = click.Context(main, info_name="chexnet", **width, **main.context_settings)
    return HEAD + "".join(_sections(main, context))


def _sections(command: click.Command, context: click.Context) -> list[str]:
    depth = context.command_path.count(" ")
    sections = [
        f"\n{'#' * (depth + 2)} {context.command_path}\n\n```\n{command.get_help(context).strip()}\n```\n"
    ]
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            inner = click.Context(below, context, name, terminal_width=100, max_content_width=100)
            sections += _sections(below, inner)
    return sections


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")
