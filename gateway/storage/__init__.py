"""Where records rest: MongoDB, and the lanes that lead there."""
