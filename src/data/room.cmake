# A library of its own: programs that read data link it, libudnn.a does not.
find_package(ZLIB REQUIRED GLOBAL)
find_path(STB_INCLUDE_DIR stb/stb_image.h REQUIRED)

udnn_room(data byte_stream.cc cifar.cc csv.cc digits.cc digits_values.cc elements.cc fetch.cc idx.cc image_file.cc image_folder.cc load.cc
  npy.cc npz.cc registry.cc safetensors.cc samples.cc split.cc stb_image.cc tensor_file.cc zip.cc)
target_link_libraries(udnn_data PUBLIC ZLIB::ZLIB)
