# Ablation: image-to-image and deep-to-shallow, no pixel-to-pixel loss.
_base_ = "pass-pretrain_r18_8xb32-200e_imagenets50.py"
model = dict(pixel_alignment=False)
