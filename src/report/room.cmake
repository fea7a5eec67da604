udnn_room(report)
