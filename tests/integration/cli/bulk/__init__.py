"""Bulk jobs and assignments on the command line."""
