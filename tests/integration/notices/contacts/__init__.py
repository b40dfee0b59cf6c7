"""Contacts, wishes and feedback in a real database."""
