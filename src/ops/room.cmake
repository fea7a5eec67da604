udnn_room(ops accumulator.cc activation.cc conv2d.cc dropout.cc gemm.cc initializer.cc loss.cc matrix_product.cc norm.cc optimizer.cc pool.cc
  product.cc block_product.cc few_columns.cc)
