"""For tests: a virtual clock, and the suites that every data store and event broker must pass."""

from rota.testing._clock import SkewedClock as SkewedClock, VirtualClock as VirtualClock
