udnn_room(network description.cc draft.cc parse_network.cc)
