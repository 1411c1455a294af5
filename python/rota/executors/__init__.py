"""Where jobs run: on the event loop, in threads, in processes."""
