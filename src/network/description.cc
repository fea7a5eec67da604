#include "src/network/description.h"

#include <algorithm>
#include <array>
#include <limits>

#include "src/base/checked.h"

namespace udnn::network {

namespace {

constexpr LayerKindInfo kLayerKinds[] = {
    {LayerKind::kFc, "fc", "units", "nobias activation", "every output from every input"},
    {LayerKind::kConv, "conv", "channels kernel", "stride pad dilation groups depthwise nobias activation",
     "convolution"},
    {LayerKind::kMaxPool, "maxpool", "kernel", "stride pad activation", "largest of each window; stride: the kernel"},
    {LayerKind::kAvgPool, "avgpool", "kernel", "stride pad activation", "mean of each window; stride: the kernel"},
    {LayerKind::kGlobalPool, "globalpool", "", "activation", "mean of each channel over the image"},
    {LayerKind::kFlatten, "flatten", "", "", "an image as a vector; fc does it by itself"},
    {LayerKind::kDropout, "dropout", "rate", "", "drops this share of the values while it trains"},
    {LayerKind::kBatchNorm, "batchnorm", "", "activation", "normalises each channel over the batch"},
    {LayerKind::kLayerNorm, "layernorm", "", "activation", "normalises the channels of each pixel"},
    {LayerKind::kAdd, "add", "from", "activation", "adds the output of an earlier layer, or of `input`"},
    {LayerKind::kActivation, "", "", "", "a function alone: relu, leaky 0.1"},
};

constexpr bool is_in_order() noexcept {
  for (std::size_t i = 0; i < std::size(kLayerKinds); ++i)
    if (kLayerKinds[i].kind != static_cast<LayerKind>(i)) return false;
  return true;
}
static_assert(is_in_order());

}  // namespace

std::span<const LayerKindInfo> layer_kinds() noexcept { return kLayerKinds; }

std::string Shape::text() const {
  return height == 1 && width == 1
             ? std::to_string(channels)
             : std::to_string(height) + 'x' + std::to_string(width) + 'x' + std::to_string(channels);
}

std::size_t LayerSpec::macs() const noexcept {
  if (kind == LayerKind::kFc) return in.size() * units;
  if (kind == LayerKind::kConv) return out.size() * (kernel_height * kernel_width * (in.channels / groups));
  return 0;
}

std::size_t LayerSpec::parameters() const noexcept {
  if (kind == LayerKind::kFc) return in.size() * units + (bias ? units : 0);
  if (kind == LayerKind::kConv)
    return kernel_height * kernel_width * (in.channels / groups) * units + (bias ? units : 0);
  if (kind == LayerKind::kBatchNorm || kind == LayerKind::kLayerNorm) return 2 * in.channels;
  return 0;
}

std::size_t NetworkDescription::macs() const noexcept {
  std::size_t sum = 0;
  for (const LayerSpec& layer : layers) sum += layer.macs();
  return sum;
}

std::size_t NetworkDescription::parameters() const noexcept {
  std::size_t sum = 0;
  for (const LayerSpec& layer : layers) sum += layer.parameters();
  return sum;
}

}  // namespace udnn::network
