"""Runs with an executor: tries on threads or in other processes, several at a time."""
