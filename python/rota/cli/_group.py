"""Groups of commands."""

from __future__ import annotations

import click

__all__ = ["Group"]


class Group(click.Group):
    """A group that shows its help if no command is named, which is an error nevertheless."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the options of the group."""
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help())
            raise click.UsageError("a command must be named", ctx)
        return super().parse_args(ctx, args)
