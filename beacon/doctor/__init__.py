"""What is wrong with this machine: facts are looked up, findings are judged from them, each with its remedy.

``look`` does the I/O and makes facts (``facts``); ``judge`` is pure. ``examine`` runs every check beside the
others, so that none waits for, or hides, another.
"""
