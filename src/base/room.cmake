udnn_room(base atomic_file.cc container.cc crc32c.cc file.cc json.cc nearest.cc philox.cc sha256.cc subprocess.cc
  temporary_folder.cc terminal.cc toml.cc value.cc verbose.cc)
