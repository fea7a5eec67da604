// Networks as people write them: shapes, the way back to text, and every refusal.
#include "src/network/description.h"

#include <set>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "src/base/toml.h"
#include "tests/temporary_folder.h"

namespace udnn::network {
namespace {

constexpr std::string_view kLeNet =
    "28x28x1 - conv 6 5x5 pad 2 relu - maxpool 2 - conv 16 5x5 relu - maxpool 2 - fc 120 relu - fc 84 relu - fc 10";

NetworkDescription network(std::string_view line) {
  auto parsed = parse_network(line);
  if (!parsed) ADD_FAILURE() << parsed.error().message();
  return parsed ? std::move(*parsed) : NetworkDescription();
}

LayerSpec layer(std::string_view line) {
  const NetworkDescription description = network(line);
  return description.layers.empty() ? LayerSpec() : description.layers.back();
}

std::string refusal(std::string_view line) {
  const auto parsed = parse_network(line);
  return parsed ? "accepted" : parsed.error().message();
}

Result<NetworkDescription> from_toml(std::string_view text) {
  const auto tree = base::parse_toml(text, "net.toml");
  if (!tree) return tree.error();
  return network_from_value(base::Field(*tree, "net.toml"));
}

std::string toml_refusal(std::string_view text) {
  const auto parsed = from_toml(text);
  return parsed ? "accepted" : parsed.error().message();
}

std::string layer_refusal(std::string_view text) {
  return toml_refusal("input = \"8x8x2\"\n[[layer]]\n" + std::string(text));
}

TEST(Network, LeNetHasTheSizesOfItsPaper) {
  const NetworkDescription lenet = network(kLeNet);
  ASSERT_EQ(lenet.layers.size(), 7U);
  const std::string_view names[] = {"conv1", "maxpool1", "conv2", "maxpool2", "fc1", "fc2", "fc3"};
  const std::string_view shapes[] = {"28x28x6", "14x14x6", "10x10x16", "5x5x16", "120", "84", "10"};
  for (std::size_t i = 0; i < 7; ++i) {
    EXPECT_EQ(lenet.layers[i].name, names[i]);
    EXPECT_EQ(lenet.layers[i].out.text(), shapes[i]);
    EXPECT_EQ(lenet.layers[i].in, i == 0 ? lenet.input : lenet.layers[i - 1].out);
  }
  // By hand: 6 (25 + 1) + 16 (6 * 25 + 1) + 120 (400 + 1) + 84 (120 + 1) + 10 (84 + 1)
  EXPECT_EQ(lenet.parameters(), 156U + 2416 + 48120 + 10164 + 850);
  // 784 * 6 * 25 + 100 * 16 * 150 + 400 * 120 + 120 * 84 + 84 * 10
  EXPECT_EQ(lenet.macs(), 117600U + 240000 + 48000 + 10080 + 840);
}

TEST(Network, ReadsEveryOptionOfAConvolution) {
  const LayerSpec conv = layer("9x11x4 - stem: conv 8 3x2 stride 2 pad 1,0,2,1 dilation 2 groups 4 nobias leaky 0.2");
  EXPECT_EQ(conv.name, "stem");
  EXPECT_EQ(conv.units, 8U);
  EXPECT_EQ(conv.kernel_height, 3U);
  EXPECT_EQ(conv.kernel_width, 2U);
  EXPECT_EQ(conv.stride, 2U);
  EXPECT_EQ(conv.pad_top, 1U);
  EXPECT_EQ(conv.pad_bottom, 0U);
  EXPECT_EQ(conv.pad_left, 2U);
  EXPECT_EQ(conv.pad_right, 1U);
  EXPECT_EQ(conv.dilation, 2U);
  EXPECT_EQ(conv.groups, 4U);
  EXPECT_FALSE(conv.bias);
  EXPECT_EQ(conv.activation, (Activation{ops::ActivationKind::kLeaky, 0.2}));
  EXPECT_EQ(conv.out.text(), "3x6x8");  // (9 + 1 - 5) / 2 + 1, (11 + 3 - 3) / 2 + 1
  EXPECT_EQ(conv.parameters(), 3U * 2 * 1 * 8);
  EXPECT_EQ(conv.macs(), 3U * 6 * 8 * 3 * 2 * 1);
}

TEST(Network, OptionsStandInAnyOrder) {
  EXPECT_EQ(layer("9x9x4 - conv 8 3 relu nobias pad 1 stride 2"),
            layer("9x9x4 - conv 8 3x3 stride 2 pad 1 nobias relu"));
}

// The counted way: every place where the window begins inside the padded image.
TEST(Network, OutputIsAsManyWindowsAsFit) {
  for (std::size_t size = 1; size <= 9; ++size)
    for (std::size_t kernel = 1; kernel <= 4; ++kernel)
      for (std::size_t stride = 1; stride <= 4; ++stride)
        for (std::size_t dilation = 1; dilation <= 2; ++dilation)
          for (std::size_t pad = 0; pad <= 2; ++pad) {
            std::size_t windows = 0;
            for (std::size_t begin = 0; begin + dilation * (kernel - 1) < size + 2 * pad; begin += stride) ++windows;
            const auto parsed = parse_network(fmt::format("{0}x{0}x1 - conv 1 {1}x{1} stride {2} dilation {3} pad {4}",
                                                          size, kernel, stride, dilation, pad));
            EXPECT_EQ(parsed ? parsed->output().height : 0, windows) << size << ' ' << kernel << ' ' << stride;
          }
}

TEST(Network, PadSameKeepsTheSizeOverTheStride) {
  for (std::size_t size = 1; size <= 9; ++size)
    for (std::size_t kernel = 1; kernel <= 5; ++kernel)
      for (std::size_t stride = 1; stride <= 3; ++stride)
        for (std::size_t dilation = 1; dilation <= 2; ++dilation) {
          const LayerSpec conv = layer(fmt::format("{0}x{0}x1 - conv 1 {1}x{1} stride {2} dilation {3} pad same", size,
                                                   kernel, stride, dilation));
          EXPECT_EQ(conv.out.height, (size + stride - 1) / stride) << size << ' ' << kernel << ' ' << stride;
          EXPECT_LE(conv.pad_top, conv.pad_bottom);
          EXPECT_LE(conv.pad_bottom, conv.pad_top + 1);
        }
}

TEST(Network, FollowsTheShapesThroughEveryKind) {
  const NetworkDescription all = network(
      "8x6x4 - conv 4 3x3 pad same - batchnorm relu - skip: conv 4 3x3 pad same depthwise - layernorm - add batchnorm1 "
      "relu "
      "- avgpool 2 - maxpool 3x2 stride 1 pad 1,1,0,0 - tanh - dropout 0.5 - globalpool - flatten - fc 3 nobias");
  const std::string_view shapes[] = {"8x6x4", "8x6x4", "8x6x4", "8x6x4", "8x6x4", "4x3x4",
                                     "4x2x4", "4x2x4", "4x2x4", "4",     "4",     "3"};
  ASSERT_EQ(all.layers.size(), std::size(shapes));
  for (std::size_t i = 0; i < std::size(shapes); ++i)
    EXPECT_EQ(all.layers[i].out.text(), shapes[i]) << all.layers[i].name;
  EXPECT_EQ(all.layers[1].parameters(), 8U);
  EXPECT_EQ(all.layers[2].groups, 4U);
  EXPECT_EQ(all.layers[2].macs(), 8U * 6 * 4 * 9);
  EXPECT_EQ(all.layers[3].parameters(), 8U);
  EXPECT_EQ(all.layers[4].from, "batchnorm1");
  EXPECT_EQ(all.layers[8].rate, 0.5);
  EXPECT_EQ(all.layers[9].kernel_height, 4U);
  EXPECT_EQ(all.layers[9].kernel_width, 2U);
  EXPECT_EQ(all.layers[11].parameters(), 12U);
}

TEST(Network, AFullyConnectedLayerReadsAnImageAsItLies) {
  EXPECT_EQ(layer("7x5x3 - fc 10").parameters(), 7U * 5 * 3 * 10 + 10);
  EXPECT_EQ(layer("7x5x3 - flatten").out.text(), "105");
}

// Whatever was written, the printed line is a fixed point and means the same.
TEST(Network, PrintedTextParsesBackToTheSameObject) {
  const std::string_view lines[] = {
      kLeNet,
      "784 - fc 512 relu - fc 10",
      "1x784x1 - fc 1",
      "9x11x4 - stem: conv 8 3x2 stride 2 pad 1,0,2,1 dilation 2 groups 2 nobias leaky 0.2 - fc 10",
      "9x9x4 - conv 8 3 pad same depthwise hard_sigmoid - avgpool 3 stride 1 pad 1 - maxpool 2x3 stride 2 gelu",
      "9 - sign - elu 0.5",
      "9x9x1 - conv 4 3x3 depthwise - conv 4 1x1 groups 4",
      "8x8x2 - c: conv 2 3 pad 1 - r: relu - relu - add input - add c tanh - dropout 0.1 - batchnorm",
      "8x8x2 - layernorm silu - globalpool",
      "8x8x2 - conv 2 3 pad 1 - conv2: relu - relu2: relu - fc2: conv 3 1 - fc 4 leaky",
      "4x4x2 - maxpool 2 stride 3 - flatten - dropout 0",
  };
  for (const std::string_view line : lines) {
    const NetworkDescription written = network(line);
    const NetworkDescription again = network(written.text());
    EXPECT_EQ(again, written) << written.text();
    EXPECT_EQ(again.text(), written.text());
  }
  EXPECT_EQ(network(kLeNet).text(),
            "28x28x1 - conv 6 5x5 pad 2 relu - maxpool 2x2 - conv 16 5x5 relu - maxpool 2x2 - fc 120 relu - fc 84 relu "
            "- fc 10");
  EXPECT_EQ(network(" 28x28x1\n\t- relu  - x: leaky 0.01 -  fc 10 ").text(), "28x28x1 - relu - x: leaky - fc 10");
}

TEST(Network, TomlSaysTheSameAsTheLine) {
  const auto toml = from_toml(R"(
input = "28x28x1"
[[layer]]
kind = "conv"
channels = 6
kernel = "5x5"
pad = 2
activation = "leaky 0.2"
name = "c1"
[[layer]]
kind = "maxpool"
kernel = 2
stride = 2
[[layer]]
kind = "conv"
channels = 6
kernel = 3
pad = [1, 0, 1, 2]
dilation = 2
depthwise = true
nobias = true
[[layer]]
kind = "conv"
channels = 12
kernel = "3x3"
pad = "same"
groups = 2
nobias = false
[[layer]]
kind = "relu"
[[layer]]
kind = "elu 0.5"
[[layer]]
kind = "add"
from = "relu1"
[[layer]]
kind = "dropout"
rate = 0.25
[[layer]]
kind = "fc"
units = 10
)");
  ASSERT_TRUE(toml) << toml.error().message();
  EXPECT_EQ(
      *toml,
      network("28x28x1 - c1: conv 6 5x5 pad 2 leaky 0.2 - maxpool 2 - conv 6 3 pad 1,0,1,2 dilation 2 depthwise nobias "
              "- conv 12 3x3 pad same groups 2 - relu - elu 0.5 - add relu1 - dropout 0.25 - fc 10"));
  EXPECT_EQ(*from_toml("input = 784\nlayer = [{kind = 'fc', units = 10}]"), network("784 - fc 10"));
}

TEST(Network, SaysWhereTheTextIsWrong) {
  EXPECT_EQ(refusal("28x28x1 - cnv 6 5x5"),
            "network: \"28x28x1 - cnv 6 5x5\": unknown layer 'cnv' at column 11, did you mean 'conv'?");
  EXPECT_EQ(refusal("784 - zebra"),
            "network: \"784 - zebra\": unknown layer 'zebra' at column 7, expected one of fc, conv, maxpool, avgpool, "
            "globalpool, "
            "flatten, dropout, batchnorm, layernorm, add, relu, leaky, elu, gelu, silu, sigmoid, tanh, softplus, "
            "hard_sigmoid, "
            "hard_tanh, sign");
  EXPECT_EQ(refusal(""), "network: \"\": empty, expected an input like 28x28x1");
  EXPECT_EQ(refusal("28x28 x1 - fc 1"), "network: \"28x28 x1 - fc 1\": 'x1' at column 7, expected '-' before a layer");
  EXPECT_EQ(refusal("784-fc 10"),
            "network: \"784-fc 10\": input '784-fc' at column 1, expected a shape like 784 or 28x28x1");
  for (const std::string_view shape : {"0", "28x0", "1x2x3x4", "x", "28x", "-1", "4294967296", "65536x65536x1"})
    EXPECT_EQ(refusal(shape),
              fmt::format("network: \"{0}\": input '{0}' at column 1, expected a shape like 784 or 28x28x1", shape));
  EXPECT_EQ(refusal("784 - fc"),
            "network: \"784 - fc\": nothing at column 9, expected units of 'fc': an integer from 1 to 16777216");
  EXPECT_EQ(
      refusal("784 - fc - fc 10"),
      "network: \"784 - fc - fc 10\": nothing at column 10, expected units of 'fc': an integer from 1 to 16777216");
  EXPECT_EQ(refusal("784 -"), "network: \"784 -\": nothing at column 6, expected a layer");
  EXPECT_EQ(refusal("784 - a:"), "network: \"784 - a:\": nothing at column 9, expected a layer");
  EXPECT_EQ(refusal("784 - fc ten"),
            "network: \"784 - fc ten\": units 'ten' at column 10, expected an integer from 1 to 16777216");
  EXPECT_EQ(refusal("784 - fc 0"),
            "network: \"784 - fc 0\": units '0' at column 10, expected an integer from 1 to 16777216");
  EXPECT_EQ(refusal("8x8x1 - conv 6 5y5"),
            "network: \"8x8x1 - conv 6 5y5\": kernel '5y5' at column 16, expected a size like 5x5");
  EXPECT_EQ(refusal("784 - fc 10 reul"),
            "network: \"784 - fc 10 reul\": unknown option 'reul' at column 13, did you mean 'relu'?");
  EXPECT_EQ(refusal("8x8x1 - conv 6 3 strid 2"),
            "network: \"8x8x1 - conv 6 3 strid 2\": unknown option 'strid' at column 18, did you mean 'stride'?");
  EXPECT_EQ(refusal("784 - fc 10 stride 2"),
            "network: \"784 - fc 10 stride 2\": unknown option 'stride' at column 13, expected one of nobias, relu, "
            "leaky, elu, "
            "gelu, silu, sigmoid, tanh, softplus, hard_sigmoid, hard_tanh, sign");
  EXPECT_EQ(refusal("784 - flatten relu"),
            "network: \"784 - flatten relu\": unknown option 'relu' at column 15, expected '-' before the next layer");
  EXPECT_EQ(refusal("784 - fc 10 activation"),
            "network: \"784 - fc 10 activation\": unknown option 'activation' at column 13, expected one of nobias, "
            "relu, leaky, "
            "elu, gelu, silu, sigmoid, tanh, softplus, hard_sigmoid, hard_tanh, sign");
  EXPECT_EQ(refusal("784 - fc 10 none"),
            "network: \"784 - fc 10 none\": unknown option 'none' at column 13, expected one of nobias, relu, leaky, "
            "elu, gelu, "
            "silu, sigmoid, tanh, softplus, hard_sigmoid, hard_tanh, sign");
  EXPECT_EQ(refusal("784 - fc 10 relu relu"),
            "network: \"784 - fc 10 relu relu\": option 'relu' at column 18 again, expected each once");
  EXPECT_EQ(refusal("784 - fc 10 relu 0.5"),
            "network: \"784 - fc 10 relu 0.5\": unknown option '0.5' at column 18, expected one of nobias, relu, "
            "leaky, elu, gelu, "
            "silu, sigmoid, tanh, softplus, hard_sigmoid, hard_tanh, sign");
  EXPECT_EQ(refusal("784 - fc 10 leaky -0.5"),
            "network: \"784 - fc 10 leaky -0.5\": parameter '-0.5' at column 19, expected a number of at least 0");
  EXPECT_EQ(refusal("8x8x1 - conv 6 3 pad"),
            "network: \"8x8x1 - conv 6 3 pad\": nothing at column 21, expected pad: an integer from 0 to 16777216, or "
            "top,bottom,left,right, or same");
  for (const std::string_view pad : {"1,2", "1,2,3,4,5", "1,2,3,", "a", "-1"})
    EXPECT_EQ(
        refusal(fmt::format("8x8x1 - conv 6 3 pad {}", pad)),
        fmt::format(
            "network: \"8x8x1 - conv 6 3 pad {0}\": pad '{0}' at column 22, expected an integer from 0 to 16777216, "
            "or top,bottom,left,right, or same",
            pad));
  for (const std::string_view rate : {"1", "-0.1", "nan", "half"})
    EXPECT_EQ(
        refusal(fmt::format("784 - dropout {}", rate)),
        fmt::format(
            "network: \"784 - dropout {0}\": rate '{0}' at column 15, expected a number of at least 0 and less than 1",
            rate));
  EXPECT_EQ(refusal("784 - 1st: fc 10"),
            "network: \"784 - 1st: fc 10\": name '1st:' at column 7, expected a letter, then letters, digits and _, "
            "but not 'input'");
  EXPECT_EQ(refusal("784 - input: fc 10"),
            "network: \"784 - input: fc 10\": name 'input:' at column 7, expected a letter, then letters, digits and "
            "_, but not "
            "'input'");
  EXPECT_EQ(refusal("784 - \x01\x7F"), refusal("784 - ??"));
  EXPECT_EQ(refusal(std::string(70000, 'x')), "network: a line of 70000 bytes, expected at most 65536");
}

TEST(Network, SaysWhichLayerDoesNotFit) {
  EXPECT_EQ(refusal("5x5x16 - conv 3 1 - conv 4 7x7"), "conv2: kernel 7x7 on 5x5x3 with pad 0, expected at most 5x5");
  EXPECT_EQ(refusal("5x6x1 - conv 4 7x2 pad 0,1,0,0"),
            "conv1: kernel 7x2 on 5x6x1 with pad 0,1,0,0, expected at most 6x6");
  EXPECT_EQ(refusal("5x5x1 - conv 4 3x3 dilation 3"),
            "conv1: kernel 3x3 with dilation 3 on 5x5x1 with pad 0, expected at most 2x2");
  EXPECT_EQ(refusal("4x4x1 - maxpool 5"), "maxpool1: kernel 5x5 on 4x4x1 with pad 0, expected at most 4x4");
  EXPECT_EQ(refusal("4x4x1 - maxpool 2 pad 2"),
            "maxpool1: pad 2 with kernel 2x2, expected less than the kernel, or a window would hold nothing");
  for (const std::string_view pad : {"2,0,0,0", "0,2,0,0", "0,0,2,0", "0,0,0,2"})
    EXPECT_EQ(
        refusal(fmt::format("4x4x1 - avgpool 2 pad {}", pad)),
        fmt::format("avgpool1: pad {} with kernel 2x2, expected less than the kernel, or a window would hold nothing",
                    pad));
  EXPECT_EQ(refusal("40x40x1 - maxpool 17"), "maxpool1: kernel 17x17, expected at most 256 places in it");
  EXPECT_EQ(refusal("40x40x1 - avgpool 17"), "accepted");
  EXPECT_EQ(refusal("8x8x1 - avgpool 2x3"), "avgpool1: kernel 2x3 without a stride, expected one");
  EXPECT_EQ(refusal("8x8x6 - conv 16 3x3 groups 4"),
            "conv1: 4 groups, expected a divisor of both 6 input and 16 output channels");
  EXPECT_EQ(refusal("8x8x6 - conv 16 3x3 depthwise"),
            "conv1: 6 groups, expected a divisor of both 6 input and 16 output channels");
  EXPECT_EQ(refusal("8x8x6 - conv 12 3x3 depthwise groups 2"),
            "conv1: both depthwise and groups 2, expected one of them");
  EXPECT_EQ(refusal("8x8x1 - conv 4 3 pad 1 - fc 4 - add conv1"), "add1: 8x8x4 of 'conv1' on 4, expected equal shapes");
  EXPECT_EQ(refusal("8x8x1 - conv 1 3 pad 1 - add con1"), "add1: no layer 'con1' before it, did you mean 'conv1'?");
  EXPECT_EQ(refusal("8 - fc 8 - add add1"), "add1: no layer 'add1' before it, expected one of input, fc1");
  EXPECT_EQ(refusal("8 - a: fc 8 - a: fc 9"), "a: two layers of that name, expected one");
  EXPECT_EQ(refusal("8 - fc2: fc 8 - fc 9"), "fc2: two layers of that name, expected one");
  EXPECT_EQ(refusal("784"), "network: no layers, expected at least one");
  std::string many = "1";
  for (int i = 0; i < 1001; ++i) many += " - relu";
  EXPECT_EQ(refusal(many), "network: 1001 layers, expected at most 1000");
}

TEST(Network, RefusesSizesThatNoMachineHolds) {
  EXPECT_EQ(refusal("16777216 - fc 16777216"), "fc1: weights 16777216 x 16777216, expected at most 2147483648 values");
  EXPECT_EQ(refusal("1024x1024x1 - conv 16777216 1x1"),
            "conv1: output 1024 x 1024 x 16777216, expected at most 2147483648 values");
  EXPECT_EQ(refusal("1x1x1 - conv 1 1x1 stride 16777216 pad 16777216"),
            "conv1: padded input 33554433 x 33554433 x 1, expected at most 2147483648 values");
  EXPECT_EQ(refusal("1x1x1 - conv 1 16777216x16777216 dilation 16777216 pad same stride 16777216"),
            "conv1: padded input 281474959933441 x 281474959933441 x 1, expected at most 2147483648 values");
}

TEST(Network, TomlSaysWhichKeyIsWrong) {
  EXPECT_EQ(toml_refusal("inptu = 3"), "net.toml: unknown key 'inptu', did you mean 'input'?");
  EXPECT_EQ(toml_refusal("layer = []"), "net.toml: input: missing, expected a shape like 784 or 28x28x1");
  EXPECT_EQ(toml_refusal("input = '28y28'"), "net.toml: input: \"28y28\", expected a shape like 784 or 28x28x1");
  EXPECT_EQ(toml_refusal("input = 784"), "net.toml: layer: missing, expected tables, [[layer]] before each");
  EXPECT_EQ(toml_refusal("input = 784\nlayer = []"), "network: no layers, expected at least one");
  EXPECT_EQ(layer_refusal("units = 3"), "net.toml: layer[0].kind: missing, expected a layer like \"fc\"");
  EXPECT_EQ(layer_refusal("kind = 'fc'\nunits = 3\nactivation = ''"),
            "net.toml: layer[0].activation: \"\", expected a function like relu or leaky 0.1");
  EXPECT_EQ(layer_refusal("kind = 'cnv'"), "net.toml: layer[0].kind: unknown layer 'cnv', did you mean 'conv'?");
  EXPECT_EQ(layer_refusal("kind = 'fc 10'"),
            "net.toml: layer[0].kind: \"fc 10\", expected one word, and the rest as keys of their own");
  EXPECT_EQ(layer_refusal("kind = 'leaky x'"),
            "net.toml: layer[0].kind: \"leaky x\", expected a function like relu or leaky 0.1");
  EXPECT_EQ(layer_refusal("kind = 'fc'"), "net.toml: layer[0].units: missing, expected an integer from 1 to 16777216");
  EXPECT_EQ(layer_refusal("kind = 'fc'\nunits = 2.5"),
            "net.toml: layer[0].units: 2.5, expected an integer from 1 to 16777216");
  EXPECT_EQ(layer_refusal("kind = 'fc'\nunits = 2\nstride = 2"),
            "net.toml: layer[0]: unknown key 'stride', expected one of kind, name, units, nobias, activation");
  EXPECT_EQ(layer_refusal("kind = 'conv'\nchannels = 2\nkernle = 3"),
            "net.toml: layer[0]: unknown key 'kernle', did you mean 'kernel'?");
  EXPECT_EQ(
      layer_refusal("kind = 'conv'\nchannels = 2\nkernel = 3\npad = [1, 2]"),
      "net.toml: layer[0].pad: an array, expected an integer from 0 to 16777216, or top,bottom,left,right, or same");
  EXPECT_EQ(layer_refusal("kind = 'conv'\nchannels = 2\nkernel = 3\npad = [1, 2, 'a', 3]"),
            "net.toml: layer[0].pad[2]: \"a\", expected an integer");
  EXPECT_EQ(layer_refusal("kind = 'conv'\nchannels = 2\nkernel = 3\ndepthwise = 1"),
            "net.toml: layer[0].depthwise: 1, expected true or false");
  EXPECT_EQ(layer_refusal("kind = 'conv'\nchannels = 2\nkernel = 3\nactivation = 'reul'"),
            "net.toml: layer[0].activation: unknown activation 'reul', did you mean 'relu'?");
  EXPECT_EQ(layer_refusal("kind = 'fc'\nunits = 2\nname = 'a-b'"),
            "net.toml: layer[0].name: \"a-b\", expected a letter, then letters, digits and _, but not 'input'");
  EXPECT_EQ(layer_refusal("kind = 'conv'\nchannels = 2\nkernel = 9"),
            "conv1: kernel 9x9 on 8x8x2 with pad 0, expected at most 8x8");
}

TEST(FindNetwork, KnowsTheBuiltInOnes) {
  constexpr Shape kMnist = {28, 28, 1}, kCifar = {32, 32, 3}, kDigits = {8, 8, 1};
  EXPECT_EQ(*find_network("mlp", kMnist, 10), network("784 - fc 512 relu - fc 512 relu - fc 10"));
  EXPECT_EQ(*find_network("mlp", kDigits, 10), network("64 - fc 64 relu - fc 64 relu - fc 10"));
  EXPECT_EQ(*find_network("lenet", kMnist, 10), network(kLeNet));
  EXPECT_EQ(find_network("lenet", kCifar, 7)->text(),
            "32x32x3 - conv 6 5x5 pad 2 relu - maxpool 2x2 - conv 16 5x5 relu - maxpool 2x2 - fc 120 relu - fc 84 relu "
            "- fc 7");
  EXPECT_EQ(find_network("lenet", kDigits, 10)->layers[3].out.text(), "2x2x16");
  EXPECT_EQ(find_network("cifarquick", kCifar, 10)->layers[5].out.text(), "4x4x64");
  // 32 (75 + 1) + 32 (800 + 1) + 64 (800 + 1) + 64 (1024 + 1) + 10 (64 + 1), as Caffe's cifar10_quick has them
  EXPECT_EQ(find_network("cifarquick", kCifar, 10)->parameters(), 145578U);
  EXPECT_EQ(*find_network("convnet", kMnist, 10),
            network("28x28x1 - conv 8 5x5 relu - maxpool 2 - conv 16 5x5 relu - maxpool 2 - fc 128 relu - fc 10"));
  EXPECT_EQ(find_network("convnet", kCifar, 10)->layers[5].out.text(), "3x3x64");
}

TEST(FindNetwork, TakesLinesAndFilesThatFitTheData) {
  const test::TemporaryFolder folder;
  const std::string path = folder.write("net.toml", "input = '4x4x1'\nlayer = [{kind = 'fc', units = 3}]\n");
  EXPECT_EQ(*find_network(path, {4, 4, 1}, 3), network("4x4x1 - fc 3"));
  EXPECT_EQ(*find_network("16 - fc 3", {4, 4, 1}, 3), network("16 - fc 3"));
  EXPECT_EQ(*find_network("4x4x1 - fc 3", {1, 1, 16}, 3), network("4x4x1 - fc 3"));
}

TEST(FindNetwork, SaysWhatDoesNotFit) {
  const auto said = [](const std::string& what, Shape input = {4, 4, 1}) {
    const auto found = find_network(what, input, 3);
    return found ? "accepted" : found.error().message();
  };
  EXPECT_EQ(said("17 - fc 3"), "network: input 17, expected 4x4x1 as the data have it");
  EXPECT_EQ(said("2x8x1 - fc 3"), "network: input 2x8x1, expected 4x4x1 as the data have it");
  EXPECT_EQ(said("16 - fc 4"), "network: 4 outputs, expected 3, one for each class");
  EXPECT_EQ(said("lenett"), "network: unknown name 'lenett', did you mean 'lenet'?");
  EXPECT_EQ(said("vgg"), "network: unknown name 'vgg', expected one of mlp, lenet, cifarquick, convnet");
  EXPECT_EQ(said("16 - fcc 3"), "network: \"16 - fcc 3\": unknown layer 'fcc' at column 6, did you mean 'fc'?");
  EXPECT_EQ(said("no.toml"), "no.toml: cannot be opened: No such file or directory");
  EXPECT_EQ(said("lenet", {1, 1, 16}),
            "lenet for an input of 16: maxpool1: kernel 2x2 on 1x1x6 with pad 0, expected at most 1x1");
  const auto maxout = find_network("maxout", {28, 28, 1}, 10);
  ASSERT_FALSE(maxout);
  EXPECT_EQ(maxout.error().code(), StatusCode::kUnsupported);
  EXPECT_EQ(maxout.error().message(),
            "network: 'maxout' is known and comes later, expected one of mlp, lenet, cifarquick, convnet");
}

TEST(FindNetwork, TakesWhatNeedsNoData) {
  const auto said = [](const std::string& what) {
    const auto found = find_network(what);
    return found ? found->text() : found.error().message();
  };
  EXPECT_EQ(said("16 - fc 3"), "16 - fc 3");
  EXPECT_EQ(said("no.toml"), "no.toml: cannot be opened: No such file or directory");
  EXPECT_EQ(said("lenet"), "network: 'lenet' is made for data, expected a line or a .toml file where there are none");
  EXPECT_EQ(said("lenett"), "network: unknown name 'lenett', did you mean 'lenet'?");
}

TEST(NetworkHelp, ShowsATomlFileThatIsOne) {
  const std::string help = network_help();
  const std::size_t begin = help.find("  input = "), end = help.find("\n\n", begin);
  ASSERT_NE(end, std::string::npos);
  const auto shown = from_toml(help.substr(begin, end - begin));
  ASSERT_TRUE(shown) << shown.error().message();
  EXPECT_EQ(*shown, network("28x28x1 - conv 6 5x5 pad 2 relu - fc 10"));
}

TEST(NetworkHelp, NamesEveryWordOfTheTables) {
  const std::string help = network_help();
  for (const LayerKindInfo& kind : layer_kinds()) {
    EXPECT_NE(help.find(kind.word), std::string::npos) << kind.word;
    EXPECT_NE(help.find(kind.options), std::string::npos) << kind.options;
  }
  for (const ops::ActivationInfo& activation : ops::all_activations())
    if (activation.kind != ops::ActivationKind::kNone) {
      EXPECT_NE(help.find(activation.name), std::string::npos) << activation.name;
    }
}

}  // namespace
}  // namespace udnn::network
