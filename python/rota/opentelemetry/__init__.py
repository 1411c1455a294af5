"""OpenTelemetry for schedulers: `instrument` turns it on for one, and until then it costs nothing."""

from __future__ import annotations

from rota.opentelemetry._instrument import instrument

__all__ = ["instrument"]
