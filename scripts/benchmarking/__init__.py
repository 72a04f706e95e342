"""What scripts/bench_engine.py and scripts/bench_gpu.py are made of."""
