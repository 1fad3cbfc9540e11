"""Is it any good, and better than what there is? Held-out rows in, scores with their uncertainty out.

predictor   what is asked of whoever is scored: next lines, answers, explanations, bits
ngram       counts of tokens -> the probability of the next (the opponent on the same data)
opponents   n-gram, BM25, embedding: predictors that need no network
model       the command model, and the program's answers, as predictors
metrics     what came out, and what should have -> a score per item
tasks       a predictor and rows -> the scores of every item of a task
bootstrap   two predictors' scores of the same items -> difference, interval, p
models      models that ship, or others -> all tasks on what our corpora hold out
report      all of it -> one JSON a run
"""
