"""The asyncio side: sockets, clock, files, worker threads; carries facts in and commands out."""
