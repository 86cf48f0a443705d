# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import torch

from mmluss.models import Prototypes


def test_scores_are_dot_products():
    prototypes, embeddings = Prototypes(3, 5), torch.randn(4, 3)
    expected = torch.einsum("bd,kd->bk", embeddings, prototypes.weight)
    torch.testing.assert_close(prototypes(embeddings), expected)
    torch.testing.assert_close(prototypes.forward_detached(embeddings), expected)
    assert prototypes.num_prototypes == 5


def test_normalized_in_place():
    prototypes = Prototypes(3, 5)
    directions = torch.nn.functional.normalize(prototypes.weight.detach(), dim=1)
    parameter = prototypes.weight
    prototypes.normalize_()
    assert prototypes.weight is parameter
    torch.testing.assert_close(prototypes.weight.detach(), directions)


def test_frozen_prototypes_get_a_zero_gradient_and_pass_one_on():
    prototypes, embeddings = Prototypes(3, 5), torch.randn(4, 3, requires_grad=True)
    prototypes.frozen = True
    prototypes(embeddings).sum().backward()
    assert torch.equal(prototypes.weight.grad, torch.zeros(5, 3))
    torch.testing.assert_close(embeddings.grad, prototypes.weight.detach().sum(0).expand(4, 3))


def test_detached_scores_give_prototypes_no_gradient():
    prototypes, embeddings = Prototypes(3, 5), torch.randn(4, 3, requires_grad=True)
    prototypes.forward_detached(embeddings).sum().backward()
    assert prototypes.weight.grad is None
    assert embeddings.grad.abs().sum() > 0
