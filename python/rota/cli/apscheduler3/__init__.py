"""Reads the job store of APScheduler 3 and says it in the words of rota."""
