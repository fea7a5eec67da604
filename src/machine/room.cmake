udnn_room(machine isa.cc memory.cc team.cc)
target_link_libraries(udnn_machine PRIVATE ${udnn_threads})
