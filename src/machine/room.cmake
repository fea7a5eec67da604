udnn_room(machine isa.cc memory.cc placement.cc team.cc topology.cc)
target_link_libraries(udnn_machine PRIVATE ${udnn_threads})

# hwloc's header is needed here and nowhere else; the library is loaded when the program runs, where there is one.
include(CheckIncludeFileCXX)
if(UDNN_HWLOC)
  find_path(HWLOC_INCLUDE_DIR hwloc.h)
  if(HWLOC_INCLUDE_DIR)  # part of it is made for one architecture, which may be another than the compiler's
    set(CMAKE_REQUIRED_INCLUDES ${HWLOC_INCLUDE_DIR})
    check_include_file_cxx(hwloc.h UDNN_HWLOC_COMPILES)
    unset(CMAKE_REQUIRED_INCLUDES)
  endif()
  if(UDNN_HWLOC_COMPILES)
    target_include_directories(udnn_machine SYSTEM PRIVATE ${HWLOC_INCLUDE_DIR})
    set_source_files_properties(${CMAKE_CURRENT_LIST_DIR}/topology.cc PROPERTIES COMPILE_DEFINITIONS UDNN_HAVE_HWLOC)
  else()
    message(STATUS "hwloc.h is not there, or not for this architecture (Debian: libhwloc-dev): where cores stand is read from /sys alone")
  endif()
endif()
