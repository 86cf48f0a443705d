# Ablation: image-to-image and pixel-to-pixel, no deep-to-shallow loss.
_base_ = "pass-pretrain_r18_8xb32-200e_imagenets50.py"
model = dict(shallow_stages=[], loss_weights=[1])
