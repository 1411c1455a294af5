from rota import Event, JobAcquired, JobReleased


async def listener(event: Event) -> None:
    print(f"Received {event.__class__.__name__}")


scheduler.subscribe(listener, {JobAcquired, JobReleased})
