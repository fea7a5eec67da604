udnn_room(base)
