"""`demo` and `up`: everything at once."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from pipelines.children import LOOPBACK, Ports
from pipelines.commands.frame import console, errors
from pipelines.demo import run_demo
from pipelines.forward import forward as go_forward
from pipelines.forward import parse_span, told
from pipelines.up import run_up


def demo(
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget what the last demo did.")] = False,
    forward: Annotated[str | None, typer.Option(help="Move the running demo's clock: 3d, 12h, 1w.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Report --forward as JSON.")] = False,
) -> None:
    """Everything on this machine, with pretend providers and customers. Ctrl-C ends it; the next one goes on."""
    if forward is None:
        run_demo(console, fresh=fresh)
        return
    if fresh:
        raise typer.BadParameter("--fresh starts a demo, --forward moves a running one: choose one of them.")
    try:
        span = parse_span(forward)
    except ValueError as problem:
        raise typer.BadParameter(str(problem), param_hint="--forward") from None
    forwarded = go_forward(errors, span)
    if as_json:
        typer.echo(json.dumps(asdict(forwarded), default=str))
        return
    console.print(told(forwarded), markup=False, highlight=False, soft_wrap=True)


def up(
    web_port: Annotated[int, typer.Option(min=1, max=65535, help="Where web/ listens.")] = Ports.web,
    dashboard_port: Annotated[
        int, typer.Option(min=1, max=65535, help="Where the dashboard listens.")
    ] = Ports.dashboard,
    dagster_port: Annotated[
        int, typer.Option(min=1, max=65535, help="Where Dagster listens, on this machine only.")
    ] = Ports.dagster,
    web_host: Annotated[
        str, typer.Option(help="The address web/ listens on; put a server with https before it.")
    ] = LOOPBACK,
    dashboard_host: Annotated[
        str,
        typer.Option(
            help="The address the dashboard listens on; another than this machine's only where people sign in."
        ),
    ] = LOOPBACK,
) -> None:
    """Everything, against the accounts that the environment names. Says what is missing, if anything is."""
    ports = Ports(web=web_port, dashboard=dashboard_port, dagster=dagster_port)
    run_up(console, ports=ports, web_host=web_host, dashboard_host=dashboard_host)
