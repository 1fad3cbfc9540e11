"""Models at work: what was trained or fetched answers here.

prompt      what a model is asked, as parts; the one form for training and for use
registry    which model of a kind is in use; its sha256 is verified before the first load
command     the command model, run by llama.cpp
completion  what it offers while a line is typed, with the probability that `calibration` gives it
embed       the embedding of requests and lines, run by numpy

asking      a question, a failed line → lines proposed, checked; the parts:
library     the known requests that ship, and the embedding      own        what the user taught and ran
told        a model in the words it was taught                   spelling   slips of the finger
fit         a line for bash → the same for xonsh                 checks     syntax, programs, options
"""
