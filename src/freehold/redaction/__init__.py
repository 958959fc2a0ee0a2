"""Redaction: what identifies a person or opens a door is replaced before anything is stored. Start at `redactor.py`."""
