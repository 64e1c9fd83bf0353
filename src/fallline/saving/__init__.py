"""Files that store a network or a run.

``modelfile`` reads and writes model files and checkpoints (docs/model-file.md is the format);
``checkpointing`` keeps the runs of ``fallline train`` in one file. Read modelfile first.
"""
