"""Our own API: jobs, images, models, health, figures, and the page that explains it."""
