# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import pytest
import torch
from mmseg.registry import OPTIMIZERS

from mmluss.engine.optimizers.larc import LARC


def slow_steps(parameters, gradients, lr, momentum, weight_decay, trust, eps):
    """The rule, one parameter after another, in float64."""
    parameters = [parameter.detach().double().clone() for parameter in parameters]
    buffers = [torch.zeros_like(parameter) for parameter in parameters]
    for step in gradients:
        for parameter, buffer, gradient in zip(parameters, buffers, step, strict=True):
            if gradient is None:
                continue
            gradient = gradient.double()
            p, g = float(parameter.norm()), float(gradient.norm())
            if p != 0 and g != 0:
                gradient = (gradient + weight_decay * parameter) * trust * p / (g + weight_decay * p + eps)
            buffer.mul_(momentum).add_(gradient)
            parameter.sub_(lr * buffer)
    return parameters


def random_problem(steps: int = 4):
    torch.manual_seed(0)
    shapes = [(4, 3), (5,), (2, 3, 1, 1), (3,)]
    parameters = [torch.nn.Parameter(torch.randn(shape)) for shape in shapes]
    parameters.append(torch.nn.Parameter(torch.zeros(6)))
    gradients = [[torch.randn_like(parameter) for parameter in parameters] for _ in range(steps)]
    for step in gradients:
        step[1] = torch.zeros(5)
        step[3] = None
    return parameters, gradients


@pytest.mark.parametrize(
    "settings",
    [
        dict(lr=0.6, momentum=0.9, weight_decay=1e-6, trust=0.001, eps=1e-8),
        dict(lr=1.2, momentum=0.0, weight_decay=0.1, trust=0.02, eps=0.1),
        dict(lr=0.6, momentum=0.9, weight_decay=0.0, trust=0.001, eps=1e-8),
    ],
)
def test_equals_a_loop_over_parameters(settings):
    parameters, gradients = random_problem()
    expected = slow_steps(parameters, gradients, **settings)
    trust = settings.pop("trust")
    optimizer = LARC(parameters, trust_coefficient=trust, **settings)
    for step in gradients:
        for parameter, gradient in zip(parameters, step, strict=True):
            parameter.grad = None if gradient is None else gradient.clone()
        optimizer.step()
    for parameter, reference in zip(parameters, expected, strict=True):
        torch.testing.assert_close(parameter.detach().double(), reference, rtol=1e-5, atol=1e-7)


def test_zero_gradient_moves_nothing_and_decays_nothing():
    parameter = torch.nn.Parameter(torch.ones(3))
    parameter.grad = torch.zeros(3)
    LARC([parameter], lr=1.0, weight_decay=0.5).step()
    assert torch.equal(parameter.detach(), torch.ones(3))


def test_zero_parameter_takes_a_raw_gradient_step():
    parameter = torch.nn.Parameter(torch.zeros(3))
    parameter.grad = torch.ones(3)
    LARC([parameter], lr=0.5, weight_decay=0.5).step()
    torch.testing.assert_close(parameter.detach(), torch.full((3,), -0.5))


def test_parameter_without_gradient_stays():
    parameter = torch.nn.Parameter(torch.ones(3))
    LARC([parameter], lr=0.5).step()
    assert torch.equal(parameter.detach(), torch.ones(3))


def test_groups_have_their_own_settings():
    first, second = (torch.nn.Parameter(torch.ones(2)) for _ in range(2))
    first.grad, second.grad = torch.ones(2), torch.ones(2)
    optimizer = LARC([dict(params=[first]), dict(params=[second], lr=2.0, trust_coefficient=0.1)], lr=1.0)
    optimizer.step()
    torch.testing.assert_close(first.detach(), torch.full((2,), 1 - 0.001), rtol=0, atol=1e-6)
    torch.testing.assert_close(second.detach(), torch.full((2,), 1 - 0.2), rtol=0, atol=1e-6)
    assert [group["weight_decay"] for group in optimizer.param_groups] == [1e-6, 1e-6]


def test_closure_is_evaluated_with_gradients():
    parameter = torch.nn.Parameter(torch.ones(2))
    optimizer = OPTIMIZERS.build(dict(type="LARC", params=[parameter], lr=1.0))

    def closure():
        optimizer.zero_grad()
        loss = parameter.square().sum()
        loss.backward()
        return loss

    assert float(optimizer.step(closure)) == 2.0
    assert float(parameter.detach()[0]) < 1


def test_state_dict_resumes_exactly():
    parameters, gradients = random_problem(steps=4)
    twin = [torch.nn.Parameter(parameter.detach().clone()) for parameter in parameters]
    one, two = LARC(parameters, lr=0.6), LARC(twin, lr=0.6)
    for index, step in enumerate(gradients):
        if index == 2:
            state, two = two.state_dict(), LARC(twin, lr=99.0)
            two.load_state_dict(state)
        for optimizer, owned in ((one, parameters), (two, twin)):
            for parameter, gradient in zip(owned, step, strict=True):
                parameter.grad = None if gradient is None else gradient.clone()
            optimizer.step()
    assert all(torch.equal(a, b) for a, b in zip(parameters, twin, strict=True))


def test_a_group_that_is_added_later_has_the_settings_of_the_first():
    optimizer = LARC([torch.ones(2, requires_grad=True)], lr=1.0, momentum=0.0, weight_decay=0.0, trust_coefficient=0.1)
    later = torch.full((2,), 3.0, requires_grad=True)
    optimizer.add_param_group(dict(params=[later]))
    later.grad = torch.tensor([5.0, 0.0])
    optimizer.step()
    # A tenth of its norm, 3 * sqrt(2).
    torch.testing.assert_close(later.detach(), torch.tensor([3 - 0.3 * 2**0.5, 3.0]))
