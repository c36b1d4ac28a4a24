"""A look at series before anything is learned from them: rhythm, channels, periods, advice.

How to read this room: `look.py` is the whole look at one series, the other files are its parts;
`advice.py` says what follows from it.
"""
