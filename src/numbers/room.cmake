udnn_room(numbers block_scale.cc format.cc format_table.cc magnitude_histogram.cc pack.cc precision.cc posit.cc quantizer.cc range_tracker.cc scale_rules.cc)
