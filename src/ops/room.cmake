udnn_room(ops activation.cc conv2d.cc dropout.cc gemm.cc initializer.cc loss.cc norm.cc optimizer.cc pool.cc)
