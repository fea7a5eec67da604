udnn_room(report chart.cc human.cc progress.cc table.cc)
