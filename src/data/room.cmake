udnn_room(data)
