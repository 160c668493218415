"""What a chapter says: its sentences and tables, made from measurements.

A notebook calls these; nothing here trains or draws.
"""
