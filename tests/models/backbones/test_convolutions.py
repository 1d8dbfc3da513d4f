"""Caser and NextItNet against torch's convolutions, one window and one layer at a time."""

import pytest
import torch
from torch import nn
from torch.nn.functional import conv1d, conv2d, pad

from recloop.models.backbones.caser import Caser
from recloop.models.backbones.nextitnet import CausalConvolution, NextItNet

ITEMS, DIM, LENGTH = 20, 6, 5


@pytest.fixture
def caser():
    torch.manual_seed(5)
    backbone = Caser(
        ITEMS, DIM, LENGTH, heights=(1, 2, 4), filters=3, vertical_filters=2, dropout=0.0
    )
    nn.init.normal_(backbone.embedding.weight[:ITEMS].detach())
    for part in (*backbone.horizontal, backbone.vertical):
        nn.init.normal_(part.weight)
    return backbone


def encode_window(caser, items):
    """Encode one window alone, with two-dimensional filters over its image."""
    image = pad(caser.embedding(torch.tensor(items)), (0, 0, LENGTH - len(items), 0))
    across = [
        conv2d(image[None, None], part.weight.mT[:, None], part.bias).relu().amax((0, 2, 3))
        for part in caser.horizontal
    ]
    weight = caser.vertical.weight[:, None, :, None]
    along = conv2d(image[None, None], weight, caser.vertical.bias).relu()[0, :, 0]
    return torch.cat([*across, along.T.flatten()])


def test_caser_sees_each_window_as_if_it_were_alone(caser):
    session = [3, 1, 4, 1, 5, 9, 2]
    states = caser(torch.tensor([session]))[0]
    for step in range(len(session)):
        window = session[max(0, step + 1 - LENGTH) : step + 1]
        torch.testing.assert_close(states[step], encode_window(caser, window))


def test_caser_tells_order_by_vertical_filters_not_by_height_one(caser):
    caser.horizontal = caser.horizontal[:1]
    one, other = caser(torch.tensor([[1, 2, 3], [3, 2, 1]]))[:, -1]
    torch.testing.assert_close(one[:3], other[:3])
    assert not torch.allclose(one[3:], other[3:])


def test_caser_refuses_filters_higher_than_its_window():
    with pytest.raises(ValueError, match=r"heights=\[2, 6\] do not fit .* length=5"):
        Caser(ITEMS, DIM, LENGTH, heights=(2, 6))


@pytest.mark.parametrize(("kernel", "dilation"), [(3, 1), (3, 4), (2, 3)])
def test_causal_convolution_is_conv1d_on_a_shifted_input(kernel, dilation):
    layer = CausalConvolution(DIM, kernel, dilation)
    states = torch.randn(2, 9, DIM)
    weight = layer.weight.unflatten(1, (kernel, DIM)).mT  # out in kernel
    shifted = pad(states.mT, ((kernel - 1) * dilation, 0))
    expected = conv1d(shifted, weight, layer.bias, dilation=dilation).mT
    torch.testing.assert_close(layer(states), expected)


def test_nextitnet_doubles_the_second_dilation():
    dilations = [
        (block.transform[0].shifts[1], block.transform[3].shifts[1])
        for block in NextItNet(ITEMS).blocks
    ]
    assert dilations == [(1, 2), (2, 4)] * 3


def test_nextitnet_reaches_as_far_back_as_its_dilations():
    torch.manual_seed(5)
    backbone = NextItNet(ITEMS, DIM, dilations=(1, 2))
    reach = 2 * (1 + 2) + 2 * (2 + 4)  # 6 per dilation, spec of the RL line
    session = torch.zeros(2, reach + 2, dtype=torch.int64)
    session[1, 0] = 7
    seen = (backbone(session)[0] != backbone(session)[1]).any(-1)
    assert seen[reach]
    assert not seen[reach + 1]
