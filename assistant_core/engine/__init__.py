"""Models at work: what was trained or fetched answers here.

Which model, and its files:
registry     which model of a kind is in use; its sha256 is verified before the first load
digests      the sha256 of files that seldom change, remembered
seal         sealed files, in the clear only in memory
seal_key     the key that personal files are sealed with
switch       which version answers, and how it came to that: deploy, roll back, look back
trial        two versions side by side
progress     what training says of itself, in files

The command model, and how it is asked:
prompt       what a model is asked, as parts; the one form for training and for use
llama        llama.cpp: one model, one context; tokens in, logits out
vocabulary   the pieces of a model, as bytes; what was typed, in those of the command model
search       the most probable answers: a small beam
command      the command model: whole lines that may follow, and how probable they are
llm          what it offers while a line is typed, with the probability that `calibration` gives it
calibration  what a model's log-probabilities mean
directory    what kind of folder somebody works in, as the model is told it
told         a version of the model, asked in the words that it was taught

A chat model, where the user names one:
chat         what it is asked, as messages; the one form for training and for use
template     the model's own form of them, filled in by a process of its own
chat_model   a few lines that answer them
adapters     adapters of a loaded model, switched while it runs
adapted      the model that the settings name, with the user's own adapter at the strength of the dial

A question, a failed line -> lines proposed:
asking       all of what follows, and what is said of each line
library      the known requests that ship, and the embedding, opened
prepared     the same as arrays, made once for a release
kept         arrays in the cache folder, mapped from there
pairs        requests and the lines that answer them, looked up
wording      what a request is made of, for comparison
bm25         which texts share rare words with a query
embed        the embedding of requests and lines, run by numpy
directions   many of its rows in a quarter of the memory
intents      what a request probably wants, as the shape of a line
proposals    what pairs and intents propose, in numbers
ranking      the same, weighed anew
labels       which utilities and options lines have, and which words of requests go with them
shape        what a line does, less what it does it to
answer       a request -> the few lines that most probably do it, from all that is known of it
values       what a request is about: numbers, paths, patterns, names
filling      those of this request in the place of another's
harm         what is deleted or stopped, and whether anybody asked for that
consensus    which few of many lines agree best with all of them
own          what the user taught and ran
spelling     a failed line -> the same with a slip of the finger undone
fit          a line for bash -> the same for xonsh
checks       syntax, programs, options: what speaks against a line
"""
