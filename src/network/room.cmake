udnn_room(network)
