"""Training in TensorFlow with a plain loop: its layers, its derivatives, its update kernels."""

import os

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import tensorflow as tf  # noqa: E402  (it reads the environment when it is imported)
from networks import (  # noqa: E402
    BETA1,
    BETA2,
    EPSILON,
    MOMENTUM,
    Conv,
    Fc,
    MaxPool,
    Network,
    Parameters,
    Run,
    adam_factors,
)

VERSION = tf.__version__
Variables = dict[str, tf.Variable]


def use_threads(count: int, ops_at_once: int = 1) -> None:
    """Before the first operation. With one thread the sums have one order, and results are the same bits every time."""
    tf.config.threading.set_intra_op_parallelism_threads(count)
    tf.config.threading.set_inter_op_parallelism_threads(ops_at_once)


def _padding(layer: Conv) -> str | list[list[int]]:
    """By a word where there is one: numbers keep oneDNN's convolution away (lenet: 9 instead of 25 kimages/s)."""
    words = {0: "VALID", (layer.kernel - 1) / 2: "SAME"}
    return words.get(layer.pad, [[0, 0], [layer.pad, layer.pad], [layer.pad, layer.pad], [0, 0]])


def logits(network: Network, variables: Variables, x: tf.Tensor) -> tf.Tensor:
    for layer in network.layers:
        match layer:
            case Conv(name):
                z = tf.nn.conv2d(x, variables[f"{name}.weights"], 1, _padding(layer))
                x = tf.nn.relu(tf.nn.bias_add(z, variables[f"{name}.bias"]))
            case MaxPool(size):
                x = tf.nn.max_pool2d(x, size, size, "VALID")
            case Fc(name, _, relu):
                flat = tf.reshape(x, [tf.shape(x)[0], -1])
                z = tf.nn.bias_add(flat @ variables[f"{name}.weights"], variables[f"{name}.bias"])
                x = tf.nn.relu(z) if relu else z
    return x


def mean_loss(network: Network, variables: Variables, x: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    each = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits(network, variables, x))
    return tf.reduce_mean(each)


def losses(run: Run, weights: Parameters) -> list[float]:
    """Adam is written out: Keras and TensorFlow's kernel add epsilon before the bias correction, and another one."""
    variables = {name: tf.Variable(value.astype(run.dtype)) for name, value in weights.items()}
    first = {name: tf.Variable(tf.zeros_like(value)) for name, value in variables.items()}
    second = {name: tf.Variable(tf.zeros_like(value)) for name, value in variables.items()}

    def update(name: str, g: tf.Tensor, of_m: tf.Tensor, of_root_v: tf.Tensor) -> None:
        w, m, v = variables[name], first[name], second[name]
        rate = tf.constant(run.learning_rate, w.dtype)
        match run.optimizer:
            case "sgd":
                tf.raw_ops.ResourceApplyGradientDescent(var=w.handle, alpha=rate, delta=g)
            case "momentum":
                tf.raw_ops.ResourceApplyMomentum(
                    var=w.handle, accum=m.handle, lr=rate, grad=g, momentum=tf.constant(MOMENTUM, w.dtype)
                )
            case "adam":
                m.assign(BETA1 * m + (1 - BETA1) * g)
                v.assign(BETA2 * v + (1 - BETA2) * g * g)
                w.assign_sub(of_m * m / (tf.sqrt(v) * of_root_v + EPSILON))

    @tf.function(reduce_retracing=True, autograph=False)
    def train(x: tf.Tensor, labels: tf.Tensor, of_m: tf.Tensor, of_root_v: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = mean_loss(run.network, variables, x, labels)
        for name, gradient in tape.gradient(loss, variables).items():
            update(name, gradient, of_m, of_root_v)
        return loss

    found = []
    for step, rows in enumerate(run.samples.batches(run.seed, run.batch, run.steps), 1):
        factors = (tf.constant(factor, run.dtype) for factor in adam_factors(run.learning_rate, step))
        x, labels = run.samples.x(rows, run.dtype), run.samples.labels[rows].astype("int32")
        found.append(float(train(tf.constant(x), tf.constant(labels), *factors)))
    return found
