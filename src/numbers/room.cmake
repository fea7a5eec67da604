udnn_room(numbers block_scale.cc codec.cc format.cc format_name.cc format_table.cc magnitude_histogram.cc pack.cc posit.cc precision.cc quantizer.cc
  range_tracker.cc scale_rules.cc value_set.cc)
