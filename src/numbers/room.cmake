udnn_room(numbers)
