"""How the shapes models are made: one file a stage, one loop for all of them. Run through `scripts/train_demo`."""
