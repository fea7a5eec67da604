"""Images per second of training in TensorFlow as fast as it goes: all steps in one compiled loop, update kernels called
directly. Prints one JSON object."""

import time

import peer_tensorflow
import tensorflow as tf
from networks import BETA1, BETA2, EPSILON, LEARNING_RATES, MOMENTUM
from speed_task import BATCH, Task, measured, task


def train_rates(job: Task, ops_at_once: int) -> list[float]:
    network, samples = job.network, job.samples
    peer_tensorflow.use_threads(job.threads, ops_at_once)
    weights = network.glorot(samples.values.shape[1:], seed=1)
    variables = {name: tf.Variable(value.astype(job.dtype)) for name, value in weights.items()}
    first = {name: tf.Variable(tf.zeros_like(value)) for name, value in variables.items()}
    second = {name: tf.Variable(tf.zeros_like(value)) for name, value in variables.items()}
    x = tf.constant(samples.values.astype(job.dtype) / samples.divisor)
    labels = tf.constant(samples.labels.astype("int32"))
    rate = tf.constant(LEARNING_RATES[job.dtype][job.optimizer], x.dtype)

    def update(name: str, gradient: tf.Tensor, step: tf.Tensor) -> None:
        w, m, v = variables[name].handle, first[name].handle, second[name].handle
        t = tf.cast(step + 1, x.dtype)
        match job.optimizer:
            case "sgd":
                tf.raw_ops.ResourceApplyGradientDescent(var=w, alpha=rate, delta=gradient)
            case "momentum":
                tf.raw_ops.ResourceApplyMomentum(var=w, accum=m, lr=rate, grad=gradient, momentum=MOMENTUM)
            case "adam":
                tf.raw_ops.ResourceApplyAdam(
                    var=w, m=m, v=v, beta1_power=BETA1**t, beta2_power=BETA2**t, lr=rate,
                    beta1=BETA1, beta2=BETA2, epsilon=EPSILON, grad=gradient,
                )  # fmt: skip

    def train(step: tf.Tensor, order: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        rows = order[step]
        with tf.GradientTape() as tape:
            loss = peer_tensorflow.mean_loss(network, variables, tf.gather(x, rows), tf.gather(labels, rows))
        for name, gradient in tape.gradient(loss, variables).items():
            update(name, gradient, step)
        return step + 1, order

    @tf.function(autograph=False)
    def train_all(order: tf.Tensor) -> None:
        tf.while_loop(
            lambda step, order: step < tf.shape(order)[0], train, (tf.constant(0), order), parallel_iterations=1
        )

    def seconds_of(steps: int) -> float:
        order = tf.reshape(tf.random.shuffle(tf.range(len(samples.labels)))[: steps * BATCH], [-1, BATCH])
        start = time.perf_counter()
        train_all(order)
        next(iter(variables.values())).numpy()  # waits
        return time.perf_counter() - start

    return measured(seconds_of)


if __name__ == "__main__":
    job, variant = task("one op at once", "two ops at once")
    job.report(train_rates(job, 2 if variant == "two ops at once" else 1), peer_tensorflow.VERSION)
