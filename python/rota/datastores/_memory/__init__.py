"""The parts of the memory store: plain data structures without a lock, a clock or an event in them."""
