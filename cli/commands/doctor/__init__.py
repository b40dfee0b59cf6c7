"""`points doctor`: whether everything is as it must be, and what to do where it is not."""

from cli.commands.doctor.command import doctor_command

__all__ = ["doctor_command"]
