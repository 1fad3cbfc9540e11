"""Models at work: what was trained or fetched answers here.

prompt      what a model is asked, as parts; the one form for training and for use
registry    which model of a kind is in use; its sha256 is verified before the first load
command     the command model, run by llama.cpp
embed       the embedding of requests and lines, run by numpy
"""
