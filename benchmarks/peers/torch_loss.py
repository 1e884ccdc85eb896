"""The smoothed cross-entropy of training in PyTorch, two ways (section 5.4).

N: positions of a whole batch; C: of a chunk.
"""

import torch


def full_loss(decoded_ND, table_VD, target_N, mask_N, smoothing):
  """Returns the loss a target token, as ours is; mask_N: True where one is."""
  z_NV = (decoded_ND @ table_VD.T).float()
  total_N = z_NV.logsumexp(-1)
  true_N = z_NV.gather(-1, target_N[:, None])[:, 0]
  loss_N = total_N - (1 - smoothing) * true_N - smoothing * z_NV.mean(-1)
  return (loss_N * mask_N).sum() / mask_N.sum()


class ChunkedLoss(torch.autograd.Function):
  """`full_loss`, some positions after the other.

  The gradients are made with the value, while a chunk's logits are there.
  """

  @staticmethod
  def forward(ctx, decoded_ND, table_VD, target_N, mask_N, smoothing, chunk):
    share_N = mask_N / mask_N.sum()
    loss = decoded_ND.new_zeros((), dtype=torch.float32)
    decoded_grads = []
    table_grad_VD = torch.zeros_like(table_VD, dtype=torch.float32)
    parts = zip(
      *(x.split(chunk) for x in (decoded_ND, target_N, share_N)), strict=True
    )
    for decoded_CD, target_C, share_C in parts:
      z_CV = (decoded_CD @ table_VD.T).float()
      total_C1 = z_CV.logsumexp(-1, keepdim=True)
      true_C1 = z_CV.gather(-1, target_C[:, None])
      mean_C1 = z_CV.mean(-1, keepdim=True)
      loss_C1 = total_C1 - (1 - smoothing) * true_C1 - smoothing * mean_C1
      loss += (loss_C1[:, 0] * share_C).sum()
      # softmax - smoothed truth, in the place of the logits.
      grad_CV = z_CV.sub_(total_C1).exp_().sub_(smoothing / len(table_VD))
      truth_C1 = torch.full_like(true_C1, smoothing - 1)
      grad_CV.scatter_add_(1, target_C[:, None], truth_C1)
      grad_CV = grad_CV.mul_(share_C[:, None]).to(decoded_CD.dtype)
      decoded_grads.append(grad_CV @ table_VD)
      if table_VD.dtype == torch.float32:
        table_grad_VD.addmm_(grad_CV.T, decoded_CD)
      else:
        table_grad_VD += grad_CV.T @ decoded_CD
    table_grad_VD = table_grad_VD.to(table_VD.dtype)
    ctx.save_for_backward(torch.cat(decoded_grads), table_grad_VD)
    return loss

  @staticmethod
  def backward(ctx, gradient):
    decoded_grad_ND, table_grad_VD = ctx.saved_tensors
    decoded_grad_ND = decoded_grad_ND * gradient
    return decoded_grad_ND, table_grad_VD * gradient, None, None, None, None
