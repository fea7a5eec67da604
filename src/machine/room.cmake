udnn_room(machine isa.cc memory.cc placement.cc team.cc topology.cc)
target_link_libraries(udnn_machine PRIVATE ${udnn_threads})

# hwloc's header is needed here and nowhere else; the library is loaded when the program runs, where there is one.
if(UDNN_HWLOC)
  find_path(HWLOC_INCLUDE_DIR hwloc.h)
  if(HWLOC_INCLUDE_DIR)
    target_include_directories(udnn_machine SYSTEM PRIVATE ${HWLOC_INCLUDE_DIR})
    set_source_files_properties(${CMAKE_CURRENT_LIST_DIR}/topology.cc PROPERTIES COMPILE_DEFINITIONS UDNN_HAVE_HWLOC)
  else()
    message(STATUS "hwloc.h is not there (Debian: libhwloc-dev): where cores stand is read from /sys alone")
  endif()
endif()
