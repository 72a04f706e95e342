"""Background removal: a network or GrabCut finds the foreground, edges are refined, and pictures are made of it."""
