udnn_room(network description.cc draft.cc engine.cc engine_of.cc layers.cc model.cc parameter_set.cc parse_network.cc role_quantizer.cc
  stage.cc)
