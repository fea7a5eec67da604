udnn_room(numbers codec.cc format.cc format_table.cc pack.cc precision.cc quantizer.cc range_tracker.cc scale_rules.cc value_set.cc)
