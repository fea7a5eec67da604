udnn_room(numbers format.cc format_table.cc pack.cc precision.cc quantizer.cc range_tracker.cc scale_rules.cc)
