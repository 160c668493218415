"""What a chapter says: its sentences and tables, made from measurements.

A notebook calls these.  Nothing here draws; `measured` and `deleted` train and measure what is
asked for and not there, unless that is forbidden.
"""
