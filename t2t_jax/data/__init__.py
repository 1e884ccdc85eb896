"""From text to batches: corpora -> tokenizer -> token_store -> batching.

Nothing here imports jax; a batch is two numpy arrays and a pure function of
(seed, step).
"""
