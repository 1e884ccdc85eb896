"""The run card: what a run was and what came of it, for who was not there.

facts, curves and samples are gathered as parts (parts.py), which html.py and
markdown.py write down.
"""
