"""The main job under every fault at every moment: the matrix, the model, and the soak."""
