"""Everything that learns: from rows of text to a model that has earned its place.

records     Row: one thing to learn, with its source and licence
corpus      readers of every source -> clean rows, split into learning and holding out
shards      days of the store -> Arrow files; months -> token files
tokenizer   rows -> a SentencePiece vocabulary of 8,192 pieces
examples    rows -> token ids and which of them are to be produced, packed to a context
model       sizes by name -> a transformer
trainer     examples, model -> weights, with checkpoints
lora        a chat model and rows -> an adapter
embedding   pairs of rows -> a static embedding
export      weights -> GGUF, quantised
evaluate    a model, what was held out -> scores, compared
deploy      scores -> promoted or not; versions, rollback, A/B
schedule    when all of this runs
"""
