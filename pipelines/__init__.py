"""Everything that touches torch: models, samplers, the engine. Never imports `server`."""
