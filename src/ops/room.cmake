udnn_room(ops)
