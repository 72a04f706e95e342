"""Everything that speaks HTTP. Never imports torch: the pipelines are reached through a Worker."""
