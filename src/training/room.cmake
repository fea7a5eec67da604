udnn_room(training checkpoint.cc evaluate.cc metrics.cc network.cc schedule.cc trainer.cc)
