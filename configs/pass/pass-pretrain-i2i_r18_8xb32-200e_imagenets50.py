# Ablation: the image-to-image loss alone.
_base_ = "pass-pretrain_r18_8xb32-200e_imagenets50.py"
model = dict(shallow_stages=[], loss_weights=[1], pixel_alignment=False)
