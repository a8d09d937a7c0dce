"""`chexnet serve`."""

from pathlib import Path
from typing import Any

import click

from chexnet.classifier import InvalidModel, load
from chexnet.cli.shared import FOLDER, build, errors, model_option, model_policy_option, options_from

try:
    from chexnet.service import Limits, ServiceConfig, create_app, http_server
except ModuleNotFoundError as error:
    raise click.ClickException(
        f"the service needs {error.name}, which the light install leaves out; install chexnet[serve]"
    ) from error

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_EVERY_ADDRESS = ("0.0.0.0", "::")


@click.command(name="serve")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0 takes any.")
@model_option
@model_policy_option
@click.option(
    "--threads", type=click.IntRange(min=1), help="Processor threads of the network. Default: all cores."
)
@click.option(
    "--api-key",
    "api_keys",
    multiple=True,
    envvar="CHEXNET_API_KEYS",
    help="Key that callers must send; repeat for several. Better in the environment variable "
    "CHEXNET_API_KEYS (separated by spaces) or in a file, as others can see a command line.",
)
@click.option(
    "--api-keys-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with one key per line.",
)
@click.option(
    "--allowed-host",
    "hosts",
    multiple=True,
    help="Host name under which the service is reached, such as the proxy's; repeat for several.",
)
@click.option(
    "--cors-origin",
    "origins",
    multiple=True,
    help="Site whose pages may call the service, such as https://viewer.example; repeat for several.",
)
@click.option(
    "--root-path",
    default="",
    help="Prefix under which a proxy shows the service, such as /chexnet. Default: none.",
)
@click.option(
    "--trusted-proxy",
    "trusted_proxies",
    multiple=True,
    help="Address of a proxy whose X-Forwarded-Prefix header is believed; repeat for several.",
)
@click.option(
    "--frame-ancestor",
    "frame_ancestors",
    multiple=True,
    help="Site that may show the page in a frame, such as https://pacs.example; repeat for several.",
)
@click.option(
    "--keep",
    type=FOLDER,
    help="Keep images and results in this folder. Default: nothing outlives the process.",
)
@click.option(
    "--gate/--no-gate",
    default=True,
    show_default=True,
    help="Refuse anything that is not an upright frontal chest radiograph.",
)
@click.option(
    "--show-identifiers", "identifiers", is_flag=True, help="Show patient ID, accession number and UIDs."
)
@click.option("--log-requests", is_flag=True, help="Log each request; ids in the log open its results.")
@options_from(Limits)
def command(
    host: str,
    port: int,
    model: Path | None,
    policy: str | None,
    threads: int | None,
    api_keys_file: Path | None,
    log_requests: bool,
    **options: Any,
) -> None:
    """Serve the page and the REST API with one model.

    Open the printed address in a browser. Images and results stay in memory and are forgotten.

    \b
    Examples:
      chexnet serve
      chexnet serve --host 0.0.0.0 --allowed-host cxr.hospital.example --api-keys-file keys.txt
    """
    config = _config(host, api_keys_file, options)
    with errors(InvalidModel, OSError):
        app = create_app(load(model, policy=policy, threads=threads), config)
    server = http_server(app, config.limits, host=host, port=port, log_requests=log_requests)
    server.run()
    if not server.started:
        raise click.ClickException(f"cannot listen on {host}:{port}")


def _config(host: str, api_keys_file: Path | None, options: dict[str, Any]) -> ServiceConfig:
    keys = options.pop("api_keys")
    if api_keys_file is not None:
        keys = (*keys, *api_keys_file.read_text(encoding="utf-8").split())
        if not keys:
            raise click.UsageError(f"{api_keys_file}: no key; expected one per line")
    hosts = options.pop("hosts")
    if host not in _EVERY_ADDRESS or hosts:
        hosts = (*hosts, *_LOOPBACK, host)
    limits = build(Limits, options)
    config: ServiceConfig = build(
        ServiceConfig, {**options, "limits": limits, "api_keys": keys, "hosts": hosts}
    )
    return config
