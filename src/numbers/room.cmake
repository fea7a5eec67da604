udnn_room(numbers block_scale.cc codec.cc format.cc format_hint.cc format_table.cc format_traits.cc magnitude_histogram.cc pack.cc posit.cc precision.cc quantizer.cc
  range_tracker.cc scale_rules.cc value_set.cc)
