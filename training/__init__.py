"""Everything that learns: from rows of text to a model that has earned its place.

__main__           the table of contents: `python -m training COMMAND`
commands           what its commands do
options            what the values of their options may be

records            Row: one thing to learn, with its source and licence
corpus             readers of every source -> clean rows, split into learning and holding out
shards             days of the store -> Arrow files
tokens             months of the shards -> token files
manifest           what stands beside each file that we made: its sha256, its rows, what it was made of
seal               files written whole or not at all, and sealed if a key is given

tokenizer          texts -> a SentencePiece vocabulary of 8,192 pieces; text -> tokens and back
examples           rows -> token ids and which of them are to be produced, packed to a context
neighbours         requests -> the same, in the company of those that are near them
model              sizes by name -> a transformer
optimizer          Muon for its matrices, AdamW for the rest
trainer            examples, model -> weights, with checkpoints
runs               what every run of a trainer shares: hardware, checkpoints, watchers
begun              what a run was begun with: it goes on with the same, or not at all
curves             the log of a run -> a picture
lora               a chat model and rows -> an adapter
recipes            how an adapter is trained, in numbers
embedding          pairs of rows -> a static embedding
intents            pairs -> which utilities and options a request wants
ranking            pairs -> which of several proposals looks best

export             weights -> GGUF, quantised
reopen             GGUF -> weights, to go on from
fidelity           whether the one answers as the other does

calibrate          sessions held out -> what a model's probabilities mean
publicset          the public rows that come with the program: to score by, and to learn again
safety             what nobody asked to destroy, a model must not destroy
evaluate           a model, what was held out -> scores, compared

public             our corpora -> vocabulary, contexts, weights of the command model that ships
release            those weights -> what ships, with its card
pairs              our corpora -> the known requests that ship, with their card
embedding_release  our corpora -> the embedding that ships, with its card

workplace          for whom a run works, and where it may write what
personal           the user's own command model: from the history to deployment
adapter            the user's own adapter of their chat model: from what they taught to deployment
measuring          what a model can do, measured step by step
forgetting         what keeps it from forgetting everybody else's lines
job                one run of it as a process: alone, lowered, limited, resumable
deploy             scores -> promoted or not; versions, rollback, A/B
schedule           when all of this runs
timers             the system's own timers, for that
idle               whether the machine has time for it
"""
