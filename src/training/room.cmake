udnn_room(training)
