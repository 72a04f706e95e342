"""Networks that say something of a picture: its caption, its things, scores."""
